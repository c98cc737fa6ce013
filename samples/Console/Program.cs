using SkiaSharp;
using Tcm.Detect;

using var bitmap = SKBitmap.Decode(args[0]).Copy(SKColorType.Bgra8888);
var image = ImageBuffer.From(bitmap.GetPixelSpan(), bitmap.Width, bitmap.Height, PixelFormat.Bgra32, bitmap.RowBytes);
using var detector = TextDetector.Load(Path.Combine(AppContext.BaseDirectory, "tcm-db-s.safetensors"));
foreach (var region in detector.Detect(image).Regions)
{
    Console.WriteLine($"{region.Score:F2} {string.Join(' ', region.Quad)}");
}
