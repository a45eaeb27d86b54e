package jobs

import "coremachine/internal/jobs/define"

// All maps each job name to its definition. A job exists if, and only if, it is
// in All.
var All = map[string]define.Job{
	"container_list":   ContainerList,
	"hello_world":      HelloWorld,
	"process_raster":   ProcessRaster,
	"validate_geotiff": ValidateGeotiff,
}

// Schedules maps each schedule to what it starts and when, for example
//
//	"greeting": define.Every("30 2 * * *", "Europe/Berlin", HelloWorld, HelloWorldParams{N: 5}),
//
// A schedule that is removed stops. One that is changed continues from now.
var Schedules = map[string]define.Schedule{}
