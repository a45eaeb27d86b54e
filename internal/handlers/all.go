package handlers

// All maps each task type to its handler. A task type exists if, and only if,
// it is in All.
var All = map[string]Handler{
	string(Greeting): Func(greeting, selfTest...),
	string(Reply):    Func(reply, selfTest...),

	string(ContainerList):    Func(containerList, listingPolicy...),
	string(ContainerInspect): Func(containerInspect, inspectPolicy...),
	string(ContainerSummary): Func(containerSummary, summaryPolicy...),

	string(ListGeotiffs):    Func(listGeotiffs, listingPolicy...),
	string(ValidateGeotiff): Func(validateGeotiff, rasterPolicy...),

	string(RasterPreflight): Func(rasterPreflight, rasterPolicy...),
	string(ProcessTile):     Func(processTile, rasterPolicy...),
	string(BuildOverviews):  Func(buildOverviews, rasterPolicy...),
	string(AssembleCOG):     Func(assembleCOG, rasterPolicy...),
	string(VerifyCOG):       Func(verifyCOG, rasterPolicy...),
	string(RasterPreview):   Func(rasterPreview, rasterPolicy...),
	string(RenderXYZ):       Func(renderXYZ, rasterPolicy...),
	string(WriteTileJSON):   Func(writeTileJSON, rasterPolicy...),
	string(RasterCleanup):   Func(rasterCleanup, rasterPolicy...),
}
