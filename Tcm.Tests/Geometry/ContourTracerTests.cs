using CsCheck;
using Tcm.Detect.Geometry;

namespace Tcm.Tests.Geometry;

public class ContourTracerTests
{
    private static PixelPoint[][] Trace(bool[,] mask, ContourMode mode = ContourMode.All, bool simplify = true)
    {
        int height = mask.GetLength(0), width = mask.GetLength(1);
        var tracer = new ContourTracer();
        tracer.Begin(width, height);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                tracer.Row(y)[x] = (sbyte)(mask[y, x] ? 1 : 0);
            }
        }
        tracer.Trace(mode, simplify);
        return [.. Enumerable.Range(0, tracer.Count).Select(i => tracer[i].ToArray())];
    }

    private static bool[,] Picture(params string[] rows)
    {
        var mask = new bool[rows.Length, rows[0].Length];
        for (int y = 0; y < rows.Length; y++)
        {
            for (int x = 0; x < rows[0].Length; x++)
            {
                mask[y, x] = rows[y][x] == '#';
            }
        }
        return mask;
    }

    [Fact]
    public void Contours_come_lowest_first_and_holes_before_their_outline()
    {
        var contours = Trace(Picture(
            "........",
            ".####...",
            ".#..#...",
            ".####...",
            "........",
            "...##..#",
            "...##..."));
        Assert.Equal(4, contours.Length);
        Assert.Equal(Flat.Points(3, 5, 3, 6, 4, 6, 4, 5), contours[1]);
        Assert.Equal(Flat.Points(7, 5), contours[0]);
        Assert.Equal(Flat.Points(1, 2, 2, 1, 3, 1, 4, 2, 3, 3, 2, 3), contours[2]);
        Assert.Equal(Flat.Points(1, 1, 1, 3, 4, 3, 4, 1), contours[3]);
    }

    [Fact]
    public void Outer_mode_skips_holes_and_what_lies_in_them()
    {
        var mask = Picture(
            "#######",
            "#.....#",
            "#.###.#",
            "#.###.#",
            "#.....#",
            "#######");
        Assert.Equal(3, Trace(mask).Length);
        Assert.Equal(Flat.Points(0, 0, 0, 5, 6, 5, 6, 0), Assert.Single(Trace(mask, ContourMode.OuterOnly)));
        Assert.Equal(22, Assert.Single(Trace(mask, ContourMode.OuterOnly, simplify: false)).Length);
    }

    [Fact]
    public void Single_pixels_and_lines()
    {
        Assert.Equal(Flat.Points(0, 0), Assert.Single(Trace(Picture("#"))));
        Assert.Equal(Flat.Points(1, 0, 3, 0), Assert.Single(Trace(Picture(".###"))));
        Assert.Equal(Flat.Points(0, 0, 0, 2), Assert.Single(Trace(Picture("#", "#", "#"))));
        Assert.Empty(Trace(Picture("...", "...")));
    }

    [Fact]
    public void Every_component_has_one_outer_contour_on_its_pixels() =>
        Gen.Bool.Array[20 * 15].Sample(bits =>
        {
            var mask = new bool[15, 20];
            Buffer.BlockCopy(bits, 0, mask, 0, bits.Length);
            var contours = Trace(mask, ContourMode.All, simplify: false);
            var components = Components(mask);
            Assert.Equal(components, contours.Count(c => c.Length == 1 || PolygonMeasures.TwiceSignedArea(c) < 0
                || (PolygonMeasures.TwiceSignedArea(c) == 0 && IsTopLeft(c))));
            foreach (var contour in contours)
            {
                Assert.All(contour, p => Assert.True(mask[p.Y, p.X]));
                for (int i = 0; i < contour.Length; i++)
                {
                    var next = contour[(i + 1) % contour.Length];
                    Assert.True(Math.Abs(next.X - contour[i].X) <= 1 && Math.Abs(next.Y - contour[i].Y) <= 1);
                }
            }
        });

    private static bool IsTopLeft(PixelPoint[] contour) =>
        contour.All(p => p.Y > contour[0].Y || (p.Y == contour[0].Y && p.X >= contour[0].X));

    private static int Components(bool[,] mask)
    {
        int count = 0;
        var seen = new bool[mask.GetLength(0), mask.GetLength(1)];
        for (int y = 0; y < mask.GetLength(0); y++)
        {
            for (int x = 0; x < mask.GetLength(1); x++)
            {
                count += Flood(mask, seen, x, y) ? 1 : 0;
            }
        }
        return count;
    }

    private static bool Flood(bool[,] mask, bool[,] seen, int x, int y)
    {
        if (x < 0 || y < 0 || y >= mask.GetLength(0) || x >= mask.GetLength(1) || !mask[y, x] || seen[y, x])
        {
            return false;
        }
        seen[y, x] = true;
        for (int i = 0; i < 9; i++)
        {
            Flood(mask, seen, x + i % 3 - 1, y + i / 3 - 1);
        }
        return true;
    }

    [Fact]
    public void Last_contours_are_kept_when_only_some_are_needed()
    {
        var tracer = new ContourTracer();
        PixelPoint[] Run(int keep)
        {
            tracer.Begin(100, 100);
            for (int y = 0; y < 100; y += 2)
            {
                for (int x = 0; x < 100; x += 2)
                {
                    tracer.Row(y)[x] = 1;
                }
            }
            tracer.Trace(ContourMode.All, true, keep);
            return [.. Enumerable.Range(0, tracer.Count).Select(i => tracer[i][0])];
        }
        var all = Run(int.MaxValue);
        Assert.Equal(2500, all.Length);
        Assert.Equal(new PixelPoint(98, 98), all[0]);
        Assert.Equal(all[..7], Run(7));
        Assert.Empty(Run(0));
    }
}
