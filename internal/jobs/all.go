package jobs

import "coremachine/internal/jobs/define"

// All is every job that exists: if it is in the map, it exists; if it is not,
// it does not.
var All = map[string]define.Job{
	"container_list": ContainerList,
	"hello_world":    HelloWorld,
}
