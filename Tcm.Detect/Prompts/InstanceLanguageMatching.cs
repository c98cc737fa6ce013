using Tcm.Nn;

namespace Tcm.Detect.Prompts;

/// <summary>
/// Paper section 3.4, tcm-model.md section 9: the cosine between every pixel's embedding and the text's, floats in every precision.
/// </summary>
internal static class InstanceLanguageMatching
{
    /// <summary>visual (B,h*w,C) and text (B,1,C) to the score map S (B,1,h,w), values in [-1,1].</summary>
    public static Tensor ScoreMap(Tensor visual, Tensor text, int h, int w)
    {
        using var scope = TensorScope.Begin();
        return scope.Keep(Functional.Cosine(text, visual).Reshape([visual.Shape[0], 1, h, w]));
    }
}
