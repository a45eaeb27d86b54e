// Package handlers holds the code of this project's tasks.
package handlers

import (
	"time"

	"coremachine"
)

// All maps each task type to its handler.
var All = map[string]coremachine.Handler{
	string(Split): coremachine.Func(split),
	string(Count): coremachine.Func(count, coremachine.Attempts(5), coremachine.Timeout(time.Minute)),
	string(Total): coremachine.Func(total),
	string(Find):  coremachine.Func(find),
	string(Shout): coremachine.Func(shout),
}
