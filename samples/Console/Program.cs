using SkiaSharp;
using Tcm.Detect;

using var bitmap = SKBitmap.Decode(args[0]).Copy(SKColorType.Bgra8888);
using var detector = TextDetector.LoadShipped();
var result = detector.Detect(bitmap.GetPixelSpan(), bitmap.Width, bitmap.Height, bitmap.RowBytes, PixelFormat.Bgra32);
foreach (var region in result.Regions)
{
    Console.WriteLine($"{region.Score:F2} {string.Join(' ', region.Quad)}");
}
