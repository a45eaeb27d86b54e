package handlers

// All is every task type that exists: if it is in the map, it exists; if it is
// not, it does not.
var All = map[string]Handler{
	string(Greeting): Func(greeting, selfTest...),
	string(Reply):    Func(reply, selfTest...),

	string(ContainerList):    Func(containerList, listingPolicy...),
	string(ContainerInspect): Func(containerInspect, inspectPolicy...),
	string(ContainerSummary): Func(containerSummary, summaryPolicy...),
}
