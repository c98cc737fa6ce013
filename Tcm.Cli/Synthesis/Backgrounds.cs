using SkiaSharp;
using Tcm.Cli.Images;
using Tcm.Kernels;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// Pictures to place text on. Decoded ones are kept, scaled down; the scenes move slowly through a shuffled list, so that a
/// picture is decoded once for some hundred scenes and not for each. Thread-safe.
/// </summary>
internal sealed class Backgrounds
{
    // About what two screens have: crops keep the sharpness of a photograph, and one picture costs at most 6 MB.
    private const int KeptSide = 1500;
    private const int Window = 32;
    private const int ScenesPerStep = 64;
    private const int Kept = 2 * Window + 8;

    // Smaller pictures are textures: they are repeated.
    private const int TextureSide = 600;
    private const int SmallestSide = 64;

    // Folders of textures hold hundreds; what scenes are in is photographs.
    private const float TextureShare = 0.25f;

    private readonly string[] _photographs;
    private readonly string[] _textures;
    private readonly Dictionary<string, Lazy<Picture>> _cache = [];
    private readonly Queue<string> _order = new();
    private readonly Lock _decoding = new();

    /// <summary>Searches folders, and the folders below, for JPEG, PNG, WebP and BMP pictures.</summary>
    /// <param name="folders">None means that backgrounds are drawn.</param>
    /// <exception cref="TcmException">A folder is missing, or there is no usable picture in any.</exception>
    public Backgrounds(IReadOnlyList<string> folders)
    {
        foreach (string missing in folders.Where(folder => !Directory.Exists(folder)))
        {
            throw new TcmException($"{missing}: there is no such folder of pictures");
        }
        var search = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true };
        string[] paths = [.. folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*", search))
            .Where(ImageFile.HasPictureExtension).Select(Path.GetFullPath).Distinct().GroupBy(WithoutSize)
            .Select(same => same.OrderByDescending(path => new FileInfo(path).Length).ThenBy(path => path, StringComparer.Ordinal)
                .First())
            .Order(StringComparer.Ordinal)];
        var sizes = paths.Select(LongerSide).ToArray();
        _photographs = Shuffled([.. paths.Where((_, i) => sizes[i] >= TextureSide)]);
        _textures = Shuffled([.. paths.Where((_, i) => sizes[i] is > 0 and < TextureSide)]);
        if (folders.Count > 0 && Count == 0)
        {
            throw new TcmException($"no picture of at least {SmallestSide} pixels in {string.Join(", ", folders)}");
        }
    }

    /// <summary>Number of pictures.</summary>
    public int Count => _photographs.Length + _textures.Length;

    /// <summary>Fills an area with a random part of a picture.</summary>
    /// <exception cref="ImageFileException">The picture cannot be read.</exception>
    public void Draw(SKCanvas canvas, SKRect area, long scene, SceneRandom random)
    {
        long step = Math.Abs(scene) / ScenesPerStep;
        bool texture = random.Chance(TextureShare);
        var paths = _photographs.Length == 0 || (texture && _textures.Length > 0) ? _textures : _photographs;
        var picture = Get(paths[(step + random.Below(Window)) % paths.Length]);
        bool mirror = random.Chance(0.5f);
        using var paint = new SKPaint();
        var sampling = new SKSamplingOptions(SKFilterMode.Linear);
        picture.With(image =>
        {
            canvas.Save();
            if (mirror)
            {
                canvas.Scale(-1, 1, area.MidX, 0);
            }
            if (Math.Max(image.Width, image.Height) < TextureSide)
            {
                float zoom = random.Between(0.6f, 1.6f);
                paint.Shader = image.ToShader(SKShaderTileMode.Mirror, SKShaderTileMode.Mirror, sampling,
                    SKMatrix.CreateScale(zoom, zoom));
                canvas.DrawRect(area, paint);
                paint.Shader.Dispose();
                paint.Shader = null;
            }
            else
            {
                // From nearly the whole picture to its own pixels a little enlarged. No mipmaps: Skia would make them for each
                // scene, and a reduction by up to two does without.
                float whole = Math.Min(2, Math.Min(image.Width / area.Width, image.Height / area.Height));
                float zoom = random.Between(Math.Min(whole, 0.7f), whole);
                var crop = SKRect.Create(random.Unit() * (image.Width - zoom * area.Width),
                    random.Unit() * (image.Height - zoom * area.Height), zoom * area.Width, zoom * area.Height);
                canvas.DrawImage(image, crop, area, sampling, paint);
            }
            canvas.Restore();
        });
    }

    /// <summary>Wallpapers come as 1920x1080.jpg, 2560x1600.jpg ... of one picture: the names differ in their digits alone.</summary>
    private static string WithoutSize(string path)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        bool isSize = name.Split('x') is [var width, var height] && width.All(char.IsAsciiDigit) && height.All(char.IsAsciiDigit);
        return isSize ? Path.GetDirectoryName(path) + "/*" : path;
    }

    /// <summary>Of a picture, in pixels; 0 where it is not one or too small or too large to use.</summary>
    private static int LongerSide(string path)
    {
        using var codec = SKCodec.Create(path);
        return codec is not null && Math.Min(codec.Info.Width, codec.Info.Height) >= SmallestSide
            && (long)codec.Info.Width * codec.Info.Height <= ImageFile.MaxPixels
            ? Math.Max(codec.Info.Width, codec.Info.Height) : 0;
    }

    private static string[] Shuffled(string[] paths)
    {
        var shuffle = new SceneRandom(0, paths.Length);
        for (int i = paths.Length - 1; i > 0; i--)
        {
            int other = shuffle.Below(i + 1);
            (paths[i], paths[other]) = (paths[other], paths[i]);
        }
        return paths;
    }

    private Picture Get(string path)
    {
        Lazy<Picture>? picture;
        lock (_cache)
        {
            if (!_cache.TryGetValue(path, out picture))
            {
                picture = new Lazy<Picture>(() => Decode(path));
                _cache[path] = picture;
                _order.Enqueue(path);
                if (_order.Count > Kept)
                {
                    _cache.Remove(_order.Dequeue());
                }
            }
        }
        return picture.Value;
    }

    private Picture Decode(string path)
    {
        // One at a time: a wallpaper takes up to 100 MB while it is decoded, whatever the number of threads.
        lock (_decoding)
        {
            using var codec = SKCodec.Create(path) ?? throw new ImageFileException(path, "the file cannot be decoded");
            float scale = Math.Min(1, (float)KeptSide / Math.Max(codec.Info.Width, codec.Info.Height));
            // JPEG and WebP decode to a reduced size at a fraction of the cost; PNG answers with its full size.
            var reduced = codec.GetScaledDimensions(scale);
            using var full = new SKBitmap(new SKImageInfo(reduced.Width, reduced.Height, SKColorType.Rgba8888, SKAlphaType.Premul));
            var result = codec.GetPixels(full.Info, full.GetPixels());
            if (result != SKCodecResult.Success)
            {
                throw new ImageFileException(path, $"the picture cannot be decoded ({result})");
            }
            using var kept = new SKBitmap(new SKImageInfo(Math.Max(1, (int)(codec.Info.Width * scale)),
                Math.Max(1, (int)(codec.Info.Height * scale)), SKColorType.Rgba8888, SKAlphaType.Opaque));
            using var canvas = new SKCanvas(kept);
            canvas.Clear(SKColors.White);
            using var image = SKImage.FromBitmap(full);
            canvas.DrawImage(image, new SKRect(0, 0, kept.Width, kept.Height),
                new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
            return new Picture(kept.Info, kept.GetPixelSpan().ToArray());
        }
    }

    /// <summary>Pixels in managed memory: the collector frees what fell out of the cache when no thread draws it any more.</summary>
    private sealed class Picture(SKImageInfo info, byte[] pixels)
    {
        public unsafe void With(Action<SKImage> use)
        {
            fixed (byte* start = pixels)
            {
                using var pixmap = new SKPixmap(info, (nint)start, info.RowBytes);
                using var image = SKImage.FromPixels(pixmap);
                use(image);
            }
        }
    }
}
