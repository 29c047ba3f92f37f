namespace Tuna2.Engine.Graph;

/// <summary>How long a value lives, which decides where it lives.</summary>
public enum Storage
{
    /// <summary>Loaded once with the model, shared by every session, never written.</summary>
    Weight,

    /// <summary>Survives runs: K/V caches, pictures being denoised, modulation tables. Owned by one session.</summary>
    State,

    /// <summary>Lives from the op that first writes it to the last that reads it; the planner places it in the arena.</summary>
    Transient,
}
