package client

// Health is the health report of a process.
type Health struct {
	Status   string   `json:"status"` // ok, degraded or unavailable
	Version  string   `json:"version"`
	Problems []string `json:"problems"`
	Checks   map[string]struct {
		Status  string `json:"status"` // ok, failed or timeout
		Message string `json:"message"`
		Runbook string `json:"runbook"` // runbook entry; empty if the status is ok
	} `json:"checks"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"` // empty on the last page
}
