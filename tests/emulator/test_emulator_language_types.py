"""Types, conversions and operators of the Metal Shading Language (specification, chapters 2, 3)."""

from __future__ import annotations

import numpy as np
import pytest
from emulator_language import Case, array, check

INF = np.inf

# Two values of a structure with a uchar at 0, a float3 at 16, a half at 32, a packed_float3 at 36.
MIXED = np.zeros(
    2,
    np.dtype(
        {
            "names": ["tag", "position", "weight", "tail"],
            "formats": ["u1", ("f4", 3), "f2", ("f4", 3)],
            "offsets": [0, 16, 32, 36],
            "itemsize": 48,
        }
    ),
)
MIXED[1] = (7, (1, 2, 3), 0.5, (4, 5, 6))

OPERANDS = array([[7, -7, 12, 1], [2, 3, -5, 3]], np.int32)
A, B = OPERANDS


CASES = [
    Case("scalar_sizes", "2.1", array([1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8], np.uint32)),
    Case("sized_integer_names", "2.1", array([1, 1, 1], np.uint32)),
    # A literal without suffix is a float: there is no double. 1 + 2^-11 is a tie between halves.
    Case("literals", "2.1", array([4, 4, 2, 2, 1.5, 0.25, 3, 1])),
    # (1 + 2^-10)^2 = 1 + 2^-9 + 2^-20 has 11 bits only after rounding; 2048 + 1 is a tie to even.
    Case(
        "half_rounds_each_operation",
        "7.2",
        array([0, 0, 1 + 2**-9], np.float16),
        (array([1 + 2**-10, 1 + 2**-9, 2048, 1], np.float16),),
    ),
    Case(
        "half_overflows_to_infinity",
        "7.1",
        array([INF, -INF, INF], np.float16),
        (array([60000], np.float16),),
    ),
    # Above 2048 halves are even numbers, above 65504 + 16 infinity.
    Case(
        "float_to_half_ties_to_even",
        "7.2",
        array([2048, 2052, 2052, 65504, INF, -2048], np.float16),
        (array([2049, 2051, 2052.5, 65519, 65520, -2049]),),
        threads=6,
    ),
    # bfloat has 8 bits: 1 + 2^-8 lies between 1 and 1 + 2^-7.
    Case(
        "float_to_bfloat_ties_to_even",
        "7.2",
        array([0x3F80, 0x3F82, 0x3F81, 0x7F80, 0xFF80, 0x7F80], np.uint16),
        (array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, 3.4e38, -INF, INF]),),
        threads=6,
    ),
    # 256 + 1 is a tie that goes to 256, twice; (1 + 2^-7)^2 = 1 + 2^-6 + 2^-14.
    Case(
        "bfloat_rounds_each_operation",
        "7.2",
        array([256, 0]),
        (array([256, 1, 1 + 2**-7, 1 + 2**-6]),),
    ),
    # With a float it is a float (1.0078125 * 3.3 is not rounded to bfloat), with an int a bfloat.
    Case(
        "bfloat_mixes_with_other_types",
        "2.1, 2.21",
        array([4, 2, 1.0078125 * np.float32(3.3), 1.0078125, 1, 2.0078125, -2, -1.0078125]),
        (array([1.0078125, 3.3]),),
    ),
    Case(
        "integer_promotion_and_wraparound",
        "2.1, 3.1",
        array([4, 400, 144, 1, -3, -1, -4], np.int32),
        (array([200, 0], np.uint8),),
    ),
    Case(
        "float_to_integer_truncates",
        "7.6",
        array([1, -1, 0, 0, 7], np.int32),
        (array([1.9, -1.9, 0.99, -0.99, 7]),),
        threads=5,
    ),
    Case(
        "vector_constructors",
        "2.2.2",
        array(
            [
                [5, 5, 5, 5],
                [1, 2, 3, 4],
                [1, 2, 1, 2],
                [0, 3, 1, 2],
                [3, 1, 2, 9],
                [1, 1, 2, 7],
                [2, 1, 3, 3],
                [1, 2, 3, 4],
                [1, -1, 2, 3],
                [6, 6, 6, 6],
            ]
        ),
    ),
    Case(
        "swizzle_read",
        "2.2.1",
        array(
            [
                [4, 3, 2, 1],
                [1, 1, 2, 2],
                [3, 2, 1, 4],
                [1, 2, 3, 4],
                [5, 5, 1, 4],
                [2, 2, 2, 2],
                [4, 3, 2, 2],
            ]
        ),
        (array([1, 2, 3, 4]),),
    ),
    Case(
        "swizzle_write",
        "2.2.1",
        array(
            [
                [10, 2, 30, 4],
                [2, 1, 3, 4],
                [4, 3, 2, 1],
                [1, 4, 3, 8],
                [1, 2, 7, 7],
                [0, 0, 0, 7],
                [1, 1, 3, 4],
                [2, 4, 3, -8],
            ]
        ),
        (array([1, 2, 3, 4]),),
    ),
    Case(
        "component_by_index",
        "2.2.1",
        array([[-4, 2, 3, 4], [1, -3, 3, 4], [1, 2, -2, 4], [1, 2, 3, -1]], np.int32),
        (array([1, 2, 3, 4], np.int32),),
        threads=4,
    ),
    Case(
        "vector_sizes_and_alignments",
        "2.2, 2.5",
        array([8, 16, 16, 16, 2, 4, 4, 8, 8, 8, 8, 16, 32, 32, 16], np.uint32),
    ),
    Case(
        "packed_sizes_and_alignments",
        "2.2.3, 2.5",
        array([8, 12, 4, 6, 2, 3, 1, 16, 4, 6], np.uint32),
    ),
    Case(
        "packed_in_buffers",
        "2.2.3",
        array([6, 4, 2, 12, 10, 8]),
        (array([1, 2, 3, 4, 5, 6]),),
        threads=2,
    ),
    Case(
        "packed_components",
        "2.2.3",
        array([2, 20, 4, 3, 7], np.int16),
        (array([1, 2, 3, 4], np.int16),),
    ),
    Case("structure_layout", "2.5", array([48, 7, 2, 0.5, 6]), (MIXED.view(np.uint8),)),
    # Division of integers truncates; the remainder has the sign of the dividend.
    Case(
        "vector_integer_operators",
        "3.1",
        array(
            [
                A + B,
                A - B,
                A * B,
                [3, -2, -2, 0],
                [1, -1, 2, 1],
                A & B,
                A | B,
                A ^ B,
                ~A,
                -A,
                [28, -56, 12 << 27 & 0xFFFFFFFF, 8],
                [3, -4, 6, 0],
            ],
            np.int64,
        )
        .astype(np.uint32)
        .view(np.int32),
        (OPERANDS,),
    ),
    # Of a count only the lower five bits count for 32-bit components.
    Case(
        "shift_takes_the_low_bits",
        "3.1",
        array([[1, 2, 16, 2147483648], [1, 0x40000000, 16, 1]], np.uint32),
        (array([[1, 0x80000001, 16, 0x80000001], [32, 33, 64, 31]], np.uint32),),
    ),
    Case(
        "vector_comparison",
        "3.1",
        array(
            [
                [1, 0, 0, 0],
                [0, 1, 1, 0],
                [0, 1, 0, 0],
                [1, 0, 1, 1],
                [1, 1, 0, 0],
                [0, 1, 1, 1],
                [1, 0, 0, 0],
            ],
            np.int32,
        ),
        (array([[1, 2, 3, np.nan], [4, 2, 1, 0]]),),
    ),
    Case(
        "scalar_spreads_over_vector",
        "3.1",
        array([[2, 4, 8, 16], [0, 1, 3, 7], [1, 0.5, 0.25, 0.125], [0.5, 1, 2, 4]], np.float16),
        (array([1, 2, 4, 8], np.float16),),
    ),
    # ++ gives the old value after, -- the new one before; (v + 1..4) * 2, ^ 1, % 7.
    Case(
        "vector_increments",
        "3.1",
        array([[1, 2, 3, 4], [2, 3, 4, 5], [1, 2, 3, 4], [4, 8, 12, 16], [5, 2, 6, 3]], np.int32),
        (array([1, 2, 3, 4], np.int32),),
    ),
    Case(
        "small_integer_vectors_wrap",
        "3.1",
        array([[144, 0, 2, 254], [88, 128, 3, 125]], np.uint8),
        (array([200, 128, 1, 127], np.uint8),),
    ),
    Case(
        "vector_conversion_is_explicit",
        "2.21",
        array([[1, -2, 3, 0], [200, 1, 2, 3]], np.int32),
        (array([[1.9, -2.9, 3, 0.5], [200, 1, 2, 3]]),),
    ),
    Case(
        "as_type_of_scalars",
        "2.20",
        array([0x3FC00000, 0x3E00, 0x3FC0, 1], np.uint32),
        (array([1.5]),),
    ),
    # The first component lies in the lowest bits.
    Case(
        "as_type_of_vectors",
        "2.20",
        array(
            [
                [0x44332211, 0x88776655, 3, 4],
                [0x11, 0x22, 0x33, 0x44],
                [0x4433, 0x2211, 0x6655, 0x8877],
                [0x44332211, 0x88776655, 0x88776655, 0x44332211],
            ],
            np.uint32,
        ),
        (array([0x44332211, 0x88776655, 3, 4], np.uint32),),
    ),
    Case("vector_template_names", "2.2", array([1, 1, 1, 4], np.uint32)),
    Case("vector_as_template_argument", "2.2", array([10, 5, 6]), (array([1, 2, 3, 4]),)),
    Case(
        "matrix_constructors",
        "2.3.2",
        array([[3, 0, 0, 3], [1, 2, 3, 4], [1, 2, 3, 4], [5, 6, 3, 2]]),
    ),
    # Columns (1 2 3) and (4 5 6): times (7 8), from the left by (1 2 3), and A^T A.
    Case(
        "matrix_products",
        "3.2, 6.6",
        array([39, 54, 69, 14, 32, 14, 32, 32, 77, 9]),
        (array([1, 2, 3, 4, 5, 6, 7, 8]),),
    ),
    Case("matrix_determinant", "6.6", array([-2, 18, 108])),
    Case("array_copies_as_value", "2.12", array([3, 30, 4, 37], np.int32)),
    Case("constants_of_the_program", "4.2", array([15.5, 25.5, 35.5, 45.5]), threads=4),
    Case("type_traits", "6.1", array([1] * 7, np.uint32)),
    Case(
        "limits_of_integers",
        "6.1",
        array([-128, 255, -32768, 2**31 - 1, 2**32 - 1, -(2**63), 2**31 - 1, 31, 65535], np.int64),
    ),
    Case(
        "limits_of_floats",
        "6.1, 6.5",
        array(
            [
                65504,
                2**-10,
                2**-14,
                255 * 2.0**120,
                2**-7,
                np.finfo(np.float32).min,
                INF,
                2**-23,
                65504,
                1,
                2**-24,
            ]
        ),
    ),
    Case("enumerations_and_unions", "2.12", array([44, 1, 0x3F800000], np.uint32)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_feature(case: Case) -> None:
    check(case)
