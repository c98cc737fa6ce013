using System.Numerics;
using Tcm.Cli.Synthesis;
using Tcm.Detect.Datasets;
using Tcm.Kernels;

namespace Tcm.Tests.Synthesis;

/// <summary>Scenes drawn with whatever fonts the machine has; skipped where it has none.</summary>
public sealed class SceneRendererTests
{
    private const int Scenes = 12;

    [Fact]
    public void Read_isTheSameForTheSameSeedFromAnyThread()
    {
        var options = new SceneOptions { Seed = 5, Size = (200, 160) };
        var (one, other) = (new SceneSource(Renderer(options)), new SceneSource(Renderer(options)));
        var first = Enumerable.Range(0, Scenes).Select(i => one.Read(i)).ToArray();
        var second = new Sample[Scenes];
        Parallel.For(0, Scenes, i => second[Scenes - 1 - i] = other.Read(Scenes - 1 - i));
        for (int i = 0; i < Scenes; i++)
        {
            Assert.Equal(first[i].Name, second[i].Name);
            Assert.True(first[i].Image.Rgb.SequenceEqual(second[i].Image.Rgb), $"pixels of scene {i}");
            Assert.Equal(first[i].Texts.SelectMany(t => t.Polygon), second[i].Texts.SelectMany(t => t.Polygon));
            Assert.Equal(first[i].Texts.Select(t => (t.Transcription, t.Ignored)),
                second[i].Texts.Select(t => (t.Transcription, t.Ignored)));
        }
        var moved = new SceneSource(Renderer(options with { Seed = 6 })).Read(0);
        Assert.False(moved.Image.Rgb.SequenceEqual(first[0].Image.Rgb));
    }

    [Theory]
    [InlineData(TextLevel.Word)]
    [InlineData(TextLevel.Line)]
    public void Polygons_areValidInsideAndApart(object levelOfText)
    {
        const int width = 480, height = 360;
        var renderer = Renderer(new SceneOptions { Level = (TextLevel)levelOfText, Size = (width, height), Seed = 3 });
        int texts = 0, curved = 0;
        for (int i = 0; i < 40; i++)
        {
            var scene = renderer.Render(i).Texts;
            var owner = new int[width * height];
            for (int t = 0; t < scene.Count; t++)
            {
                var polygon = scene[t].Polygon;
                Assert.True(polygon.Count >= 4 && polygon.Count % 2 == 0);
                Assert.All(polygon, p => Assert.True(p.X is >= 0 and <= width && p.Y is >= 0 and <= height, $"scene {i}: {p}"));
                Assert.True(Area(polygon) > 4, $"scene {i}, '{scene[t].Transcription}': area {Area(polygon)}");
                Assert.False(CrossesItself(polygon), $"scene {i}, '{scene[t].Transcription}' crosses itself");
                Assert.False(string.IsNullOrWhiteSpace(scene[t].Transcription));
                Claim(owner, width, height, polygon, t + 1, $"scene {i}");
                curved += polygon.Count > 4 ? 1 : 0;
            }
            texts += scene.Count;
        }
        Assert.InRange(texts, 80, 40 * 200);
        Assert.True(curved > 0);
    }

    [Theory]
    [InlineData(TextLevel.Word)]
    [InlineData(TextLevel.Line)]
    public void Letters_changePixelsInsideTheirPolygonsOnly(object levelOfText)
    {
        const int width = 400, height = 300;
        var renderer = Renderer(new SceneOptions
        {
            Level = (TextLevel)levelOfText,
            Size = (width, height),
            Seed = 11,
            Effects = false,
        });
        int checkedTexts = 0;
        for (int scene = 0; scene < 25; scene++)
        {
            var (with, texts) = renderer.Render(scene);
            var (without, same) = renderer.Render(scene, drawText: false);
            Assert.Equal(texts.Select(t => t.Ignored), same.Select(t => t.Ignored));
            Assert.Equal(texts.SelectMany(t => t.Polygon), same.SelectMany(t => t.Polygon));
            var covered = new bool[width * height];
            foreach (var text in texts)
            {
                // Antialiasing reaches a pixel beyond the outline, and whole pixels are filled here.
                var grown = Fill(width, height, text.Polygon, 2);
                int changed = 0;
                for (int i = 0; i < covered.Length; i++)
                {
                    covered[i] |= grown[i];
                    changed += grown[i] && Differ(with.Rgb, without.Rgb, i) ? 1 : 0;
                }
                if (!text.Ignored)
                {
                    checkedTexts++;
                    Assert.True(changed > 0.05 * Area(text.Polygon),
                        $"scene {scene}: '{text.Transcription}' changed {changed} pixels of {Area(text.Polygon)}");
                }
            }
            for (int i = 0; i < covered.Length; i++)
            {
                Assert.True(covered[i] || !Differ(with.Rgb, without.Rgb, i), $"scene {scene}: pixel {i % width},{i / width}");
            }
        }
        Assert.True(checkedTexts > 40);
    }

    [Fact]
    public void Render_mixesWordsThatAreAskedForWithSomeThatAreNot()
    {
        var renderer = Renderer(new SceneOptions { Size = (640, 640) });
        var scenes = Enumerable.Range(0, 60).Select(i => renderer.Render(i).Texts).ToArray();
        double ignored = scenes.SelectMany(texts => texts).Average(text => text.Ignored ? 1 : 0);
        Assert.InRange(ignored, 0.02, 0.6);
        Assert.Contains(scenes, texts => texts.Count == 0);
        Assert.InRange(scenes.Average(texts => texts.Count), 4, 60);
    }

    [Fact]
    public void Size_isDrawnFromCommonOnesUnlessGiven()
    {
        var renderer = Renderer(new SceneOptions());
        var sizes = Enumerable.Range(0, 12).Select(i => renderer.Render(i).Image).Select(image => (image.Width, image.Height));
        Assert.True(sizes.Distinct().Count() > 2);
        Assert.All(sizes, size => Assert.InRange(size.Width * size.Height, 640 * 480, 1280 * 720));
        Assert.Equal((64, 64), (Renderer(new SceneOptions { Size = (64, 64) }).Render(0).Image is { } small)
            ? (small.Width, small.Height) : default);
    }

    [Fact]
    public void Fonts_thatAreNotThereAreNamedWithWhatToInstall()
    {
        string empty = Directory.CreateTempSubdirectory("tcm-fonts-").FullName;
        try
        {
            var error = Assert.Throws<TcmException>(() => new FontLibrary([empty]));
            Assert.Contains(empty, error.Message);
            Assert.Contains("fonts-dejavu-core", error.Message);
            Assert.Contains("nowhere", Assert.Throws<TcmException>(() => new FontLibrary(["nowhere"])).Message);
            Assert.Contains(empty, Assert.Throws<TcmException>(() => new Backgrounds([empty])).Message);
        }
        finally
        {
            Directory.Delete(empty);
        }
    }

    private static SceneRenderer Renderer(SceneOptions options) => new(options, SystemFonts.Require());

    private static bool Differ(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int pixel) =>
        !a.Slice(3 * pixel, 3).SequenceEqual(b.Slice(3 * pixel, 3));

    /// <summary>Marks the pixels well inside a polygon, and fails where another one has them.</summary>
    private static void Claim(int[] owner, int width, int height, IReadOnlyList<Vector2> polygon, int id, string scene)
    {
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                if (Contains(polygon, new Vector2(x + 0.5f, y + 0.5f)))
                {
                    Assert.True(owner[y * width + x] == 0, $"{scene}: texts {owner[y * width + x]} and {id} share {x},{y}");
                    owner[y * width + x] = id;
                }
            }
        }
    }

    private static bool[] Fill(int width, int height, IReadOnlyList<Vector2> polygon, float reach)
    {
        var mask = new bool[width * height];
        int left = (int)Math.Max(0, polygon.Min(p => p.X) - reach), right = (int)Math.Min(width, polygon.Max(p => p.X) + reach + 1);
        int top = (int)Math.Max(0, polygon.Min(p => p.Y) - reach), bottom = (int)Math.Min(height, polygon.Max(p => p.Y) + reach + 1);
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
            {
                var at = new Vector2(x + 0.5f, y + 0.5f);
                mask[y * width + x] = Contains(polygon, at) || Distance(polygon, at) <= reach;
            }
        }
        return mask;
    }

    private static bool Contains(IReadOnlyList<Vector2> polygon, Vector2 at)
    {
        bool inside = false;
        for (int i = 0, j = polygon.Count - 1; i < polygon.Count; j = i++)
        {
            var (a, b) = (polygon[i], polygon[j]);
            if (a.Y > at.Y != b.Y > at.Y && at.X < (b.X - a.X) * (at.Y - a.Y) / (b.Y - a.Y) + a.X)
            {
                inside = !inside;
            }
        }
        return inside;
    }

    private static float Distance(IReadOnlyList<Vector2> polygon, Vector2 at)
    {
        float least = float.PositiveInfinity;
        for (int i = 0, j = polygon.Count - 1; i < polygon.Count; j = i++)
        {
            var (a, along) = (polygon[j], polygon[i] - polygon[j]);
            float t = Math.Clamp(Vector2.Dot(at - a, along) / Math.Max(1e-6f, along.LengthSquared()), 0, 1);
            least = Math.Min(least, Vector2.Distance(at, a + t * along));
        }
        return least;
    }

    private static float Area(IReadOnlyList<Vector2> polygon)
    {
        float sum = 0;
        for (int i = 0, j = polygon.Count - 1; i < polygon.Count; j = i++)
        {
            sum += polygon[j].X * polygon[i].Y - polygon[i].X * polygon[j].Y;
        }
        return Math.Abs(sum) / 2;
    }

    private static bool CrossesItself(IReadOnlyList<Vector2> polygon)
    {
        static float Side(Vector2 a, Vector2 b, Vector2 c) => (b.X - a.X) * (c.Y - a.Y) - (b.Y - a.Y) * (c.X - a.X);
        int n = polygon.Count;
        for (int i = 0; i < n; i++)
        {
            for (int j = i + 2; j < n; j++)
            {
                if (i == 0 && j == n - 1)
                {
                    continue;
                }
                var (a, b, c, d) = (polygon[i], polygon[i + 1], polygon[j], polygon[(j + 1) % n]);
                if (Side(a, b, c) * Side(a, b, d) < 0 && Side(c, d, a) * Side(c, d, b) < 0)
                {
                    return true;
                }
            }
        }
        return false;
    }
}
