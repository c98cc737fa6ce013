using SkiaSharp;
using Tcm.Detect;
using Tcm.Samples.Interop;

if (args is not [var path] || SKBitmap.Decode(path) is not { } bitmap)
{
    Console.Error.WriteLine("usage: Interop PICTURE");
    return 2;
}
using var detector = TextDetector.LoadShipped();

Console.WriteLine($"bitmap: {Bitmaps.Detect(detector, bitmap).Regions.Count} regions");
using var window = Bitmaps.Window(bitmap, bitmap.Width / 10, bitmap.Height / 10, bitmap.Width * 8 / 10, bitmap.Height * 8 / 10);
Console.WriteLine($"window of it, in the bitmap's own memory: {Bitmaps.Detect(detector, window).Regions.Count} regions");

foreach (var format in Enum.GetValues<FrameFormat>())
{
    var camera = new PictureCamera(bitmap, format);
    Console.WriteLine($"camera, {format}: {Cameras.Detect(detector, camera.Frame, colour: false).Regions.Count} regions in luminance, "
        + $"{Cameras.Detect(detector, camera.Frame, colour: true).Regions.Count} in colour");
}

// A camera that is faster than the detector: the newest frame is always the next one.
var live = new PictureCamera(bitmap, FrameFormat.Nv12);
using (var frames = new NewestFrame(live.Frame.Size))
{
    var filming = Task.Run(() => live.FilmAsync(frames, count: 60, TimeSpan.FromMilliseconds(10)));
    int detected = 0;
    while (await frames.TakeAsync() is { } frame)
    {
        Cameras.Detect(detector, live.Frame with { Data = frame }, colour: false);
        detected++;
    }
    await filming;
    Console.WriteLine($"live: {detected} frames detected in, {frames.Dropped} dropped for newer ones");
}
bitmap.Dispose();
return 0;
