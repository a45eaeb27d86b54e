package jobs

import "coremachine/internal/jobs/define"

// All maps each job name to its definition. A job exists if, and only if, it is
// in All.
var All = map[string]define.Job{
	"container_list": ContainerList,
	"hello_world":    HelloWorld,
}
