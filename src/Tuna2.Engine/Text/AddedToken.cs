namespace Tuna2.Engine.Text;

/// <summary>A token recognised in text as a whole, beside what merging makes: <c>&lt;|im_start|&gt;</c> and the like.</summary>
/// <param name="Content">How it is written.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">Whether decoding may leave it out.</param>
/// <param name="Normalized">Whether it is looked for after normalisation instead of in the text as given.</param>
readonly record struct AddedToken(string Content, int Id, bool Special, bool Normalized);
