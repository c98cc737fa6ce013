namespace Tcm.Detect;

/// <summary>In which order the regions of a result come. A value, free to share between threads.</summary>
public enum RegionOrder
{
    /// <summary>As post-processing finds them: DB lowest first, PAN top first, FCE best first.</summary>
    Found,

    /// <summary>
    /// As a page is read: rows from top to bottom, and in a row from left to right. Two neighbours are in one row if the centre of
    /// each is at a height that the other covers.
    /// </summary>
    Reading,
}
