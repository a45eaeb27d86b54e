package handlers

import "time"

// All is every handler, by the text of its TaskType.
var All = map[string]Handler{
	"hello_world_greeting": Func(greeting, helloRetries...),
	"hello_world_reply":    Func(reply, helloRetries...),
}

var helloRetries = []Option{Attempts(12), Base(50 * time.Millisecond), Factor(2), Cap(2 * time.Second)}
