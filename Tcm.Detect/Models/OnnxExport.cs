using System.Globalization;
using Tcm.Kernels;
using Tcm.Nn.Autograd;
using Tcm.Nn.Onnx;

namespace Tcm.Detect.Models;

/// <summary>Writes a detector's network as an ONNX file, to run it elsewhere. Thread-safe.</summary>
public static class OnnxExport
{
    /// <summary>Name of the network's result: what the head's post-processing reads; for DB the probability map.</summary>
    public const string OutputName = "maps";

    /// <summary>
    /// Exports a model. The input is a picture (1,3,H,W) in RGB, normalised by the statistics in the file's metadata
    /// (<c>mean</c>, <c>std</c>, on 0..255), H and W multiples of 32.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file; replaced only when it is complete.</param>
    /// <param name="size">Height and width, multiples of 32; null for a file that takes any.</param>
    /// <exception cref="ShapeException">Sides that are no multiples of 32.</exception>
    /// <exception cref="Nn.Checkpoints.WeightFormatException">The file cannot be written, or a tensor is missing.</exception>
    public static OnnxReport Write(ModelFile model, string path, (int Height, int Width)? size)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        using var backend = Devices.Open("cpu");
        using var store = new ParameterStore { IsTraining = false };
        using var network = new TcmModel(model.Checkpoint, model.Config, backend, store);
        var metadata = new Dictionary<string, string>
        {
            ["head"] = model.Config.Head,
            ["mean"] = Numbers(model.Config.Mean),
            ["std"] = Numbers(model.Config.Std),
            ["config"] = TcmConfigJson.Write(model.Config),
        };
        return OnnxExporter.Write(path, backend, x => network.Forward(x), size, OutputName, metadata);
    }

    private static string Numbers(IEnumerable<double> values) =>
        string.Join(' ', values.Select(v => v.ToString("R", CultureInfo.InvariantCulture)));
}
