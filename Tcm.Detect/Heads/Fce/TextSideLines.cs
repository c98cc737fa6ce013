using System.Numerics;

namespace Tcm.Detect.Heads.Fce;

/// <summary>
/// The long sides of a text's outline (TextSnake, Long et al. 2018; heads.md section 4.5): its head and tail edges are found
/// by their angles and distances, and what runs between them is the upper and the lower side line. Points are x + i y.
/// </summary>
/// <param name="Upper">From head to tail or back.</param>
/// <param name="Lower">In the opposite direction.</param>
internal readonly record struct TextSideLines(Complex[] Upper, Complex[] Lower)
{
    private const double Epsilon = 1e-8;

    /// <summary>How much longer than the level sides the steep ones must be for a text to run from top to bottom.</summary>
    private const double SteepRatio = 2;

    /// <param name="polygon">Four vertices or more.</param>
    public static TextSideLines Of(ReadOnlySpan<Complex> polygon)
    {
        int n = polygon.Length;
        var (head, tail) = n == 4 ? EdgesOfQuad(polygon) : EdgesOfPolygon(polygon);
        int headEnd = (head + 1) % n, tailEnd = (tail + 1) % n;
        // The last edge ends where the list begins again.
        int stop = tailEnd == 0 ? n : tailEnd;
        var first = Run(polygon, headEnd, stop);
        var second = Run(polygon, stop, headEnd + n);
        return Mean(first) > Mean(second) ? new(second, first) : new(first, second);

        static double Mean(Complex[] line) => line.Average(p => p.Imaginary);
    }

    private static Complex[] Run(ReadOnlySpan<Complex> polygon, int start, int end)
    {
        var run = new Complex[end - start];
        for (int i = 0; i < run.Length; i++)
        {
            run[i] = polygon[(start + i) % polygon.Length];
        }
        return run;
    }

    /// <summary>Edge i runs from vertex i to the next one.</summary>
    private static (int Head, int Tail) EdgesOfQuad(ReadOnlySpan<Complex> p)
    {
        Complex a = p[1] - p[0], b = p[2] - p[1], c = p[3] - p[2], d = p[0] - p[3];
        bool firstIsLevel = Slope(a) + Slope(c) < Slope(b) + Slope(d);
        double level = firstIsLevel ? Complex.Abs(a) + Complex.Abs(c) : Complex.Abs(b) + Complex.Abs(d);
        double steep = firstIsLevel ? Complex.Abs(b) + Complex.Abs(d) : Complex.Abs(a) + Complex.Abs(c);
        bool levelEnds = steep > level * SteepRatio;
        return levelEnds == firstIsLevel ? (0, 2) : (3, 1);

        static double Slope(Complex v) => Math.Abs(v.Imaginary / (v.Real + Epsilon));
    }

    private static (int Head, int Tail) EdgesOfPolygon(ReadOnlySpan<Complex> polygon)
    {
        int n = polygon.Length;
        double[] score = EndScores(polygon);
        double best = double.NegativeInfinity;
        int head = 0, tail = 0;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n - 3; j++)
            {
                // Tails opposite to the head are preferred.
                double x = (((double)j / (n - 4)) - 0.5) / 0.5, value = score[i] + (score[(i + 2 + j) % n] * Peak(x, n) * 0.3);
                if (value > best)
                {
                    (best, head, tail) = (value, i, (i + 2 + j) % n);
                }
            }
        }
        return (head + 1) % n > (tail + 1) % n ? (tail, head) : (head, tail);
    }

    /// <summary>A Gaussian whose largest value over the places of the tail is 1.</summary>
    private static double Peak(double x, int n)
    {
        // With an odd number of places one lies in the middle, else the two nearest are half a step away.
        double nearest = (n - 3) % 2 == 1 ? 0 : 1.0 / (n - 4);
        return Math.Exp(((nearest * nearest) - (x * x)) / 2);
    }

    /// <summary>How much each edge looks like an end: sharp turns on both sides, neighbours that run back, far from the middle.</summary>
    private static double[] EndScores(ReadOnlySpan<Complex> polygon)
    {
        int n = polygon.Length;
        var center = Complex.Zero;
        foreach (var p in polygon)
        {
            center += p / n;
        }
        var edges = new Complex[n];
        var distance = new double[n];
        for (int i = 0; i < n; i++)
        {
            Complex from = polygon[i], to = polygon[(i + 1) % n];
            edges[i] = to - from;
            distance[i] = Math.Max(Complex.Abs(from - center), Complex.Abs(to - center));
        }
        double farthest = Math.Max(distance.Max(), double.Epsilon);
        var score = new double[n];
        for (int i = 0; i < n; i++)
        {
            Complex before = edges[(i + n - 1) % n], after = edges[(i + 1) % n];
            double turns = Angle(edges[i], before) + Angle(edges[i], after);
            score[i] = (0.5 * turns / Math.PI) + (0.15 * Angle(before, after) / Math.PI) + (0.35 * distance[i] / farthest);
        }
        if (n % 2 == 0)
        {
            score[(n / 2) - 1] += 0.1;
            score[n - 1] += 0.1;
        }
        return score;
    }

    private static double Angle(Complex a, Complex b)
    {
        a /= Complex.Abs(a) + Epsilon;
        b /= Complex.Abs(b) + Epsilon;
        return Math.Acos(Math.Clamp((a.Real * b.Real) + (a.Imaginary * b.Imaginary), -1, 1));
    }
}
