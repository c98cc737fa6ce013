using Tcm.Kernels;
using Tcm.Nn;

namespace Tcm.Bench;

/// <summary>A picture without a file: pixel (x,y) of channel c is a fixed mix of its coordinates, already normalised.</summary>
internal static class FormulaPicture
{
    /// <summary>(1,3,height,width), values in [-2, 2).</summary>
    public static Tensor Create(Backend backend, int height, int width) =>
        Tensor.From(backend, Values(height, width), [1, 3, height, width]);

    /// <summary>The same on the host.</summary>
    public static float[] Values(int height, int width)
    {
        var values = new float[3 * height * width];
        for (int c = 0, i = 0; c < 3; c++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    int p = ((3 * x) + (5 * y) + (61 * c) + (37 * (x / 32) * (y / 32)) + (3 * (x * y / 64))) % 256;
                    values[i++] = (p - 127.5f) / 64;
                }
            }
        }
        return values;
    }
}
