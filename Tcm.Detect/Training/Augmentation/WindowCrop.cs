using System.Numerics;

namespace Tcm.Detect.Training.Augmentation;

/// <summary>A window of fixed size, mostly around a text. Texts may be cut; their labels keep the corners outside.</summary>
internal static class WindowCrop
{
    private const double AroundText = 0.85;

    /// <summary>Draws a window; a picture that is smaller than it lies at its start.</summary>
    public static Crop Draw(IReadOnlyList<Vector2[]> texts, double width, double height, int side, ref SeededRandom random)
    {
        double x = random.NextDouble(), y = random.NextDouble();
        if (texts.Count > 0 && random.NextDouble() < AroundText)
        {
            var text = texts[random.Next(texts.Count)];
            var center = text.Aggregate(Vector2.Zero, (a, b) => a + b) / text.Length;
            return new Crop(Place(center.X - (side * x), width, side), Place(center.Y - (side * y), height, side), side, side);
        }
        return new Crop(Place(x * (width - side), width, side), Place(y * (height - side), height, side), side, side);
    }

    /// <summary>Keeps a window inside the picture, or a smaller picture at the window's start.</summary>
    private static double Place(double start, double length, int side) =>
        length <= side ? 0 : Math.Clamp(start, 0, length - side);
}
