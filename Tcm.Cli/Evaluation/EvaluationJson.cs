using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tcm.Detect.Evaluation;

namespace Tcm.Cli.Evaluation;

/// <summary>The JSON form of an evaluation.</summary>
internal static class EvaluationJson
{
    private static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The result as UTF-8 with a line end.</summary>
    /// <param name="result">Figures, also of each picture.</param>
    /// <param name="framesPerSecond">Speed of the network and its post-processing; null where no model ran.</param>
    public static byte[] Encode(EvaluationResult result, double? framesPerSecond)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteNumber("precision", result.Precision);
            json.WriteNumber("recall", result.Recall);
            json.WriteNumber("hmean", result.Hmean);
            NumberOrNull(json, "threshold", result.Threshold);
            json.WriteNumber("matched", result.Matched);
            json.WriteNumber("careGroundTruths", result.CareGroundTruths);
            json.WriteNumber("careDetections", result.CareDetections);
            NumberOrNull(json, "framesPerSecond", framesPerSecond);
            json.WriteStartArray("perImage");
            foreach (var image in result.Images)
            {
                json.WriteStartObject();
                json.WriteString("image", image.Name);
                json.WriteNumber("precision", image.Precision);
                json.WriteNumber("recall", image.Recall);
                json.WriteNumber("hmean", image.Hmean);
                json.WriteNumber("matched", image.Matched);
                json.WriteNumber("careGroundTruths", image.CareGroundTruths);
                json.WriteNumber("careDetections", image.CareDetections);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void NumberOrNull(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
