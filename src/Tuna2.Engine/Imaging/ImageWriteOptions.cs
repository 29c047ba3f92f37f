namespace Tuna2.Engine.Imaging;

/// <summary>How a picture or a clip is written.</summary>
public sealed record ImageWriteOptions
{
    /// <summary>
    /// 1 to 100, 90 by default. JPEG: from 90 on colour keeps its full resolution, below it is halved (4:2:0). WebP: 100 is
    /// lossless, exact. MP4: 100 is x264's CRF 12, every 2.5 less one more; 90 is hard to tell from the frames. A PNG loses nothing and
    /// takes no notice.
    /// </summary>
    public int Quality { get; init; } = 90;

    /// <summary>
    /// Keywords and texts that go into the file: PNG text chunks; in JPEG and WebP EXIF fields, "parameters" the user comment,
    /// where picture tools look for it, the others in the maker note. <see cref="ImageText"/> reads them back from all three. In an MP4
    /// "parameters" is the comment, and the others are left out.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> Text { get; init; } = [];

    internal void Check()
    {
        if (Quality is < 1 or > 100)
            throw new RequestException($"quality must be 1 to 100, not {Quality}");
    }
}
