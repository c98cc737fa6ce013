using System.Text;
using System.Text.Json;

namespace Tcm.Nn.Checkpoints;

/// <summary>The JSON in front of a safetensors file, checked so that nothing after it needs checking.</summary>
internal sealed class SafetensorsHeader
{
    private const int MaxDimensions = 8;
    private const string MetadataKey = "__metadata__";

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly string _path;

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>Text pairs.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Tensors in the order of their data, with the range of their bytes.</summary>
    public List<(TensorInfo Info, long Begin, long End)> Tensors { get; } = [];

    /// <summary>Parses a header.</summary>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataLength">Bytes of the file after the header.</param>
    /// <param name="path">The file, for messages.</param>
    public static SafetensorsHeader Parse(byte[] json, long dataLength, string path)
    {
        var header = new SafetensorsHeader(path);
        try
        {
            StrictUtf8.GetCharCount(json);
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            header.Parse(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new WeightFormatException($"{path}: the header is not the JSON of a safetensors file", e);
        }
        header.CheckLayout(dataLength);
        return header;
    }

    private void Parse(ref Utf8JsonReader reader)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        Expect(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name))
            {
                throw Bad($"two tensors are named '{name}'");
            }
            if (name == MetadataKey)
            {
                ParseMetadata(ref reader);
            }
            else
            {
                Tensors.Add(ParseTensor(ref reader, name));
            }
        }
        if (reader.Read())
        {
            throw Bad("the header goes on after its end");
        }
    }

    private void ParseMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String);
            if (!Metadata.TryAdd(key, reader.GetString()!))
            {
                throw Bad($"the metadata has '{key}' twice");
            }
        }
    }

    private (TensorInfo Info, long Begin, long End) ParseTensor(ref Utf8JsonReader reader, string name)
    {
        ElementType? type = null;
        long[]? shape = null, range = null;
        Expect(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            switch (reader.GetString())
            {
                case "dtype" when type is null:
                    Expect(ref reader, JsonTokenType.String);
                    type = ParseType(reader.GetString()!, name);
                    break;
                case "shape" when shape is null:
                    shape = Numbers(ref reader, name);
                    break;
                case "data_offsets" when range is null:
                    range = Numbers(ref reader, name);
                    break;
                default:
                    throw Bad($"tensor '{name}' has an unknown or repeated property");
            }
        }
        if (type is not { } element || shape is null || range is not [var begin, var end])
        {
            throw Bad($"tensor '{name}' lacks its type, shape or place");
        }
        long count = ElementCodec.Count(shape)
            ?? throw Bad($"tensor '{name}' has the impossible shape [{string.Join(',', shape)}]");
        return end >= begin && begin >= 0 && count * ElementCodec.Size(element) == end - begin
            ? (new TensorInfo(name, element, Array.ConvertAll(shape, d => (int)d)), begin, end)
            : throw Bad($"tensor '{name}' of shape [{string.Join(',', shape)}] has bytes {begin} to {end}");
    }

    private ElementType ParseType(string text, string name) => text switch
    {
        "F32" => ElementType.Float32,
        "F16" => ElementType.Float16,
        "BF16" => ElementType.BFloat16,
        "F64" => ElementType.Float64,
        "I64" => ElementType.Int64,
        "I32" => ElementType.Int32,
        "I16" => ElementType.Int16,
        "I8" => ElementType.Int8,
        "U8" => ElementType.UInt8,
        "BOOL" => ElementType.Bool,
        _ => throw Bad($"tensor '{name}' has the unknown type '{(text.Length > 16 ? text[..16] : text)}'"),
    };

    private long[] Numbers(ref Utf8JsonReader reader, string name)
    {
        var numbers = new List<long>();
        Expect(ref reader, JsonTokenType.StartArray);
        while (Next(ref reader) == JsonTokenType.Number)
        {
            if (!reader.TryGetInt64(out long value) || value < 0 || numbers.Count == MaxDimensions)
            {
                throw Bad($"tensor '{name}' has an impossible size");
            }
            numbers.Add(value);
        }
        return reader.TokenType == JsonTokenType.EndArray ? [.. numbers] : throw Bad($"tensor '{name}' has an impossible size");
    }

    private void CheckLayout(long dataLength)
    {
        Tensors.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long position = 0;
        foreach (var (info, begin, end) in Tensors)
        {
            if (begin != position)
            {
                throw Bad($"tensor '{info.Name}' {(begin < position ? "overlaps another" : "leaves a hole before it")}");
            }
            position = end;
        }
        if (position != dataLength)
        {
            throw Bad(position > dataLength ? $"the file ends too early: {dataLength} of {position} bytes of tensors are there"
                : $"{dataLength - position} bytes after the last tensor belong to none");
        }
    }

    private static JsonTokenType Next(ref Utf8JsonReader reader) =>
        reader.Read() ? reader.TokenType : throw new JsonException("end of header");

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        if (Next(ref reader) != type)
        {
            throw new JsonException($"{type} expected");
        }
    }

    private WeightFormatException Bad(string reason) => new(OneLine($"{_path}: {reason}"));

    private static string OneLine(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
}
