using Tcm.Detect.Geometry;

namespace Tcm.Tests.Geometry;

/// <summary>
/// Rings of Clipper 6.4.2, to the last vertex and in its order, for what the golden maps do not show: outlines that fall
/// apart when they shrink, seams that are joined, and many minima and crossings in one row.
/// </summary>
/// <remarks>
/// <code>
/// ClipperOffset offset; Paths rings;
/// offset.AddPath(polygon, jtRound, etClosedPolygon);
/// offset.Execute(rings, delta);
/// </code>
/// </remarks>
public class ClipperAgreementTests
{
    public static TheoryData<double, int[], int[][]> Offsets => new()
    {
        // A slanted seam.
        {
            -0.9207491437683195,
            [15, 11, 17, 11, 17, 23, 16, 23, 15, 22, 14, 22, 13, 21, 13, 20, 12, 19, 13, 18, 13, 17, 15, 15, 15, 14, 14, 13, 14, 12],
            [[16, 22, 15, 21, 14, 21, 14, 20, 13, 19, 14, 18, 14, 17, 16, 15], [15, 13, 15, 12, 16, 12, 16, 14]]
        },
        // A level seam.
        {
            -3.833646149541602,
            [24, 7, 26, 7, 28, 9, 30, 9, 32, 7, 34, 7, 35, 8, 36, 8, 37, 9, 37, 12, 38, 13, 37, 14, 38, 15, 37, 16, 37, 17, 11, 17,
                11, 16, 14, 13, 16, 13, 17, 12, 17, 11, 19, 9, 20, 9, 21, 8, 23, 8],
            [[22, 13, 23, 12, 25, 12, 28, 13], [33, 12, 33, 13, 30, 13]]
        },
        // Labels that fall apart.
        {
            -15,
            [122, 100, 118, 113, 113, 140, 81, 160, 37, 146, 87, 100, 50, 64, 78, 33, 107, 78, 146, 66],
            [[108, 93, 109, 93, 108, 96, 104, 109, 103, 110, 99, 131, 78, 144, 66, 140, 97, 111, 100, 107, 102, 101, 101, 96, 98, 90,
                103, 92], [76, 58, 94, 86, 71, 63]]
        },
        {
            -4,
            [-112, 444, -147, 410, -170, 368, -186, 322, -181, 275, -173, 277, -169, 319, -162, 366, -137, 402, -102, 433],
            [[-108, 433, -112, 438, -144, 407, -165, 368, -140, 404], [-178, 280, -177, 280, -173, 319, -166, 366, -182, 320]]
        },
        // The first vertex depends on Clipper's frame.
        {
            -2.152636176554987,
            [197, 9, 198, 9, 199, 10, 200, 10, 201, 11, 201, 14, 202, 15, 200, 17, 200, 18, 197, 18, 196, 19, 195, 18, 194, 18, 193, 17,
                193, 16, 192, 15, 192, 13, 191, 12, 190, 13, 187, 13, 187, 12, 189, 10, 190, 10, 191, 11, 191, 12, 192, 13, 195, 10,
                196, 10],
            [[199, 14, 198, 15, 198, 16, 196, 16, 195, 15, 195, 14, 197, 12, 198, 12, 199, 13]]
        },
    };

    [Theory]
    [MemberData(nameof(Offsets))]
    public void Rings_are_those_of_Clipper(double delta, int[] polygon, int[][] rings)
    {
        var offset = new PolygonOffset();
        Assert.Equal(rings.Length, offset.Execute(Flat.Points(polygon), delta));
        Assert.All(rings, (ring, i) => Assert.Equal(Flat.Points(ring), offset.Ring(i).ToArray()));
    }

    /// <summary>A comb whose back vanishes. More than 16 teeth reach the same rows, which an unstable sort reorders.</summary>
    [Fact]
    public void Teeth_of_a_comb_come_in_the_order_of_Clipper()
    {
        const int teeth = 20;
        List<int> comb = [0, 0, (20 * teeth) - 10, 0];
        for (int i = teeth - 1; i >= 0; i--)
        {
            int x = 20 * i, length = 40 + (i * 7 % 3);
            comb.AddRange([x + 10, length, x, length]);
            if (i > 0)
            {
                comb.AddRange([x, 4, x - 10, 4]);
            }
        }
        var offset = new PolygonOffset();
        Assert.Equal(teeth, offset.Execute(Flat.Points([.. comb]), -3));
        Assert.Equal(Flat.Points(347, 4, 347, 39, 343, 39, 343, 4, 342, 3, 348, 3), offset.Ring(0).ToArray());
        Assert.Equal(Flat.Points(7, 4, 7, 37, 3, 37, 3, 3, 8, 3), offset.Ring(teeth - 1).ToArray());
        int[] order = [.. Enumerable.Range(0, teeth).Select(i => offset.Ring(i).ToArray().Min(p => p.X) / 20)];
        Assert.Equal([17, 14, 11, 8, 5, 2, 19, 16, 13, 10, 7, 4, 1, 18, 15, 12, 9, 6, 3, 0], order);
    }
}
