using System.Text;

namespace Tcm.Cli.Synthesis;

/// <summary>
/// Joins Arabic letters by Unicode's presentation forms B and puts right-to-left text into drawing order. Enough for the sample
/// words, which have no ligatures but lam-alef and no marks; a shaping engine would be a dependency for these alone.
/// </summary>
internal static class ArabicShaper
{
    // The isolated form of each letter; final, initial and medial follow it. (Unicode chart FE70-FEFF.)
    private static readonly Dictionary<char, (char Isolated, bool JoinsNext)> Forms = new()
    {
        ['ء'] = ('\ufe80', false),
        ['آ'] = ('\ufe81', false),
        ['أ'] = ('\ufe83', false),
        ['إ'] = ('\ufe87', false),
        ['ا'] = ('\ufe8d', false),
        ['ب'] = ('\ufe8f', true),
        ['ة'] = ('\ufe93', false),
        ['ت'] = ('\ufe95', true),
        ['ث'] = ('\ufe99', true),
        ['ج'] = ('\ufe9d', true),
        ['ح'] = ('\ufea1', true),
        ['خ'] = ('\ufea5', true),
        ['د'] = ('\ufea9', false),
        ['ذ'] = ('\ufeab', false),
        ['ر'] = ('\ufead', false),
        ['ز'] = ('\ufeaf', false),
        ['س'] = ('\ufeb1', true),
        ['ش'] = ('\ufeb5', true),
        ['ص'] = ('\ufeb9', true),
        ['ض'] = ('\ufebd', true),
        ['ط'] = ('\ufec1', true),
        ['ظ'] = ('\ufec5', true),
        ['ع'] = ('\ufec9', true),
        ['غ'] = ('\ufecd', true),
        ['ف'] = ('\ufed1', true),
        ['ق'] = ('\ufed5', true),
        ['ك'] = ('\ufed9', true),
        ['ل'] = ('\ufedd', true),
        ['م'] = ('\ufee1', true),
        ['ن'] = ('\ufee5', true),
        ['ه'] = ('\ufee9', true),
        ['و'] = ('\ufeed', false),
        ['ى'] = ('\ufeef', false),
        ['ي'] = ('\ufef1', true),
    };

    /// <summary>A word of one right-to-left script as the glyphs stand from left to right.</summary>
    public static string Visual(string word)
    {
        var shaped = new StringBuilder();
        bool joined = false;
        for (int i = 0; i < word.Length; i++)
        {
            if (!Forms.TryGetValue(word[i], out var form))
            {
                shaped.Append(word[i]);
                joined = false;
                continue;
            }
            if (word[i] == 'ل' && i + 1 < word.Length && word[i + 1] == 'ا')
            {
                shaped.Append(joined ? '\ufefc' : '\ufefb');
                joined = false;
                i++;
                continue;
            }
            bool next = form.JoinsNext && i + 1 < word.Length && Forms.ContainsKey(word[i + 1]) && word[i + 1] != 'ء';
            bool previous = joined && word[i] != 'ء';
            int offset = (previous, next) switch { (false, false) => 0, (true, false) => 1, (false, true) => 2, _ => 3 };
            shaped.Append((char)(form.Isolated + offset));
            joined = next;
        }
        var letters = shaped.ToString().ToCharArray();
        Array.Reverse(letters);
        return new string(letters);
    }
}
