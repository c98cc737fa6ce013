using System.Xml;
using System.Xml.Linq;
using Tcm.Kernels;

namespace Tcm.Detect.Datasets;

/// <summary>
/// CTW1500, training labels: <c>0001.xml</c> whose <c>box</c> elements hold a <c>label</c> and, in <c>segs</c>, 14 corners in
/// pixels of the picture. As in the paper's figures nothing is don't care, <c>###</c> included.
/// </summary>
internal sealed class Ctw1500XmlFormat : TextFileFormat
{
    private const int Values = 28;

    /// <inheritdoc/>
    public override string? PictureOf(string labelFile) => HasExtension(labelFile, ".xml") ? Stem(labelFile) : null;

    /// <inheritdoc/>
    public override IReadOnlyList<TextAnnotation> Parse(string path, string content)
    {
        var texts = new List<TextAnnotation>();
        var xml = Load(path, content);
        if (!xml.Descendants("image").Any())
        {
            throw Bad(path, 1, "no image element");
        }
        foreach (var box in xml.Descendants("box"))
        {
            int line = ((IXmlLineInfo)box).LineNumber;
            string[] fields = box.Element("segs")?.Value.Split(',') ?? [];
            if (fields.Length != Values)
            {
                throw Bad(path, line, $"a box with {fields.Length} values in segs, expected {Values}");
            }
            texts.Add(new TextAnnotation(Corners(path, line, fields), Ignored: false, box.Element("label")?.Value));
        }
        return texts;
    }

    private static XDocument Load(string path, string content)
    {
        try
        {
            // Such a reader refuses document types, and with them entities that grow without bounds.
            using var reader = XmlReader.Create(new StringReader(content));
            return XDocument.Load(reader, LoadOptions.SetLineInfo);
        }
        catch (XmlException e)
        {
            throw new TcmException($"{path}, line {Math.Max(1, e.LineNumber)}: not well-formed XML: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
