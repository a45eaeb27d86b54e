package app

import "net/http"

// api is the HTTP API.
func (a *App) api() http.Handler { return nil }
