using System.Collections.Concurrent;
using System.Numerics;
using SkiaSharp;
using Tcm.Detect;
using Tcm.Detect.Datasets;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// Draws scenes: a background, clutter that looks like text, blocks of text that do not overlap, then light and camera. A scene
/// depends on the options, its number, and the fonts and pictures found. Thread-safe.
/// </summary>
internal sealed class SceneRenderer
{
    // With pictures at hand, some scenes are drawn all the same, for walls and streets that the pictures lack.
    private const float PictureShare = 0.8f;
    private const int PlacesTried = 14;
    private const int PlacesCompared = 3;

    private readonly SceneOptions _options;
    private readonly BlockComposer _composer;
    private readonly ConcurrentBag<Surfaces> _surfaces = [];

    /// <summary>Finds fonts and pictures.</summary>
    /// <exception cref="Kernels.TcmException">There are no fonts, or the folder of pictures has none.</exception>
    public SceneRenderer(SceneOptions options) : this(options, new FontLibrary(options.FontFolders))
    {
    }

    /// <summary>Finds pictures; the fonts are shared with other renderers.</summary>
    public SceneRenderer(SceneOptions options, FontLibrary fonts)
    {
        _options = options;
        Fonts = fonts;
        Pictures = new Backgrounds(options.BackgroundFolders);
        _composer = new BlockComposer(Fonts, options.Level);
    }

    /// <summary>The fonts in use.</summary>
    public FontLibrary Fonts { get; }

    /// <summary>The pictures in use.</summary>
    public Backgrounds Pictures { get; }

    /// <summary>Draws a scene.</summary>
    /// <param name="number">From 0.</param>
    /// <param name="drawText">False leaves the letters out and all else, the labels too, as it is.</param>
    public (ImageBuffer Image, IReadOnlyList<TextAnnotation> Texts) Render(long number, bool drawText = true)
    {
        var random = new SceneRandom(_options.Seed, number);
        var (width, height) = _options.ChooseSize(random.Split());
        if (!_surfaces.TryTake(out var surfaces) || surfaces.Scene.Width != width || surfaces.Scene.Height != height)
        {
            surfaces?.Dispose();
            surfaces = new Surfaces(width, height);
        }
        var effects = Effects.Choose(random.Split());
        effects = _options.Effects ? effects : new Effects();
        var texts = new List<TextAnnotation>();
        using (var canvas = new SKCanvas(surfaces.Scene))
        {
            // Nothing of the scene before this one may shine through.
            canvas.Clear(SKColors.Black);
            Background(canvas, width, height, number, random.Split());
            Clutter(canvas, width, height, number, random.Split());
            var placer = new BlockPlacer(surfaces.Scene, random.Split());
            var blocks = random.Split();
            for (int i = BlockCount(width, height, blocks); i > 0; i--)
            {
                var own = blocks.Split();
                if (_composer.Compose(own) is { } block)
                {
                    texts.AddRange(Place(canvas, block, placer, effects, drawText, own));
                }
            }
        }
        var last = random.Split();
        if (_options.Effects)
        {
            effects.Apply(surfaces.Scene, surfaces.Scratch, last);
        }
        var image = ImageBuffer.From(surfaces.Scene.GetPixelSpan(), width, height, PixelFormat.Rgba32);
        _surfaces.Add(surfaces);
        return (image, texts);
    }

    private void Background(SKCanvas canvas, int width, int height, long number, SceneRandom random)
    {
        if (Pictures.Count > 0 && random.Chance(PictureShare))
        {
            Pictures.Draw(canvas, new SKRect(0, 0, width, height), number, random);
            return;
        }
        DrawnBackgrounds.Draw(canvas, width, height, random);
    }

    private void Clutter(SKCanvas canvas, int width, int height, long number, SceneRandom random)
    {
        for (int i = random.Weighted([55, 15, 12, 10, 8]); i > 0; i--)
        {
            Panel(canvas, width, height, number, random.Split());
        }
        for (int i = random.Weighted([30, 20, 15, 12, 10, 8, 5]); i > 0; i--)
        {
            Synthesis.Clutter.Draw(canvas, width, height, random.Split());
        }
    }

    /// <summary>A poster, a screen, a shop window without text, seen at an angle.</summary>
    private void Panel(SKCanvas canvas, int width, int height, long number, SceneRandom random)
    {
        var box = SKRect.Create(width * random.Between(0.08f, 0.6f), height * random.Between(0.08f, 0.6f));
        var view = Homography.View(box, new SKPoint(random.Between(0, width), random.Between(0, height)), 1,
            0.5f * random.Normal(), 0.15f * random.Normal(), 0.05f * random.Normal());
        canvas.Save();
        canvas.Concat(in view);
        if (Pictures.Count > 0 && random.Chance(0.6f))
        {
            Pictures.Draw(canvas, box, number, random);
        }
        else
        {
            DrawnBackgrounds.Gradient(canvas, box, Palette.Any(random), Palette.Any(random), random);
        }
        using var frame = new SKPaint
        {
            IsAntialias = true,
            IsStroke = true,
            StrokeWidth = random.Between(1, 12),
            Color = Palette.Dull(random),
        };
        if (random.Chance(0.6f))
        {
            canvas.DrawRect(box, frame);
        }
        canvas.Restore();
    }

    /// <summary>None in some scenes; then about as many as give ICDAR2015's median of nine words on 1280x720.</summary>
    private static int BlockCount(int width, int height, SceneRandom random)
    {
        float crowd = MathF.Sqrt(width * height / (1280f * 720));
        int count = random.Weighted([7, 25, 48, 20]) switch
        {
            0 => 0,
            1 => random.Whole(1, 2),
            2 => random.Whole(3, 8),
            _ => random.Whole(9, 20),
        };
        return count <= 2 ? count : Math.Max(2, (int)MathF.Round(count * crowd));
    }

    private IEnumerable<TextAnnotation> Place(SKCanvas canvas, ComposedBlock block, BlockPlacer placer, Effects effects,
        bool drawText, SceneRandom random)
    {
        var plate = block.OnPlate ? BlockPainter.Plate(block.Text.Bounds, random) : block.Text.Bounds;
        if (placer.Find(block, plate, PlacesTried, block.OnPlate ? 1 : PlacesCompared, _options.Level, random) is not { } view)
        {
            return [];
        }
        canvas.Save();
        canvas.Concat(in view);
        var (ground, letters) = Palette.Sign(random);
        if (block.OnPlate)
        {
            BlockPainter.DrawPlate(canvas, plate, ground, letters, _options.Effects, random);
        }
        var quad = view.MapPoints(Homography.Corners(block.Text.Bounds));
        var lettering = BlockPainter.Choose(BlockPlacer.Summarise(placer.Sample(quad)).Mean, block.OnPlate ? letters : null, block.Style.Outline,
            _options.Effects, random);
        var legibility = new Legibility(placer, lettering, effects, block.Style.Flow == TextFlow.Stacked);
        // Measured before the letters are there.
        var texts = block.Text.Texts.Select(text =>
        {
            var polygon = view.MapPoints(text.Polygon);
            return new TextAnnotation([.. polygon.Select(p => new Vector2(p.X, p.Y))], !legibility.CanBeRead(text.Text, polygon),
                text.Text);
        }).ToList();
        if (drawText)
        {
            BlockPainter.DrawText(canvas, block.Text, lettering, block.Style.Outline);
        }
        canvas.Restore();
        block.Text.Path.Dispose();
        return texts;
    }

    /// <summary>The bitmaps of one thread, kept for its next scene.</summary>
    private sealed class Surfaces(int width, int height) : IDisposable
    {
        public SKBitmap Scene { get; } = Create(width, height);

        public SKBitmap Scratch { get; } = Create(width, height);

        public void Dispose()
        {
            Scene.Dispose();
            Scratch.Dispose();
        }

        private static SKBitmap Create(int width, int height) =>
            new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
    }
}
