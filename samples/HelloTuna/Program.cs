using Tuna2.Engine;

using var model = await TunaModel.LoadAsync(args[0]);
using var session = model.CreateSession();
var picture = (await session.GenerateAsync("a large red circle on a blue background"))[0];
picture.Save("hello.png");
await foreach (var piece in session.AskAsync(picture.Image, "Describe the image in detail.")) Console.Write(piece);
