"""A small server of the scripted model that takes production's parameters, with faults or none.

The model is the real one, in transformers; sampler and API are written here, from vLLM's
description of them, so that the suite's requirements can be seen to hold and to fail without vLLM.
"""
