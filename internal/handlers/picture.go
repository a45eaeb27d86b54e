package handlers

// Picture is a picture in storage, as a member of a job's result. A job that
// declares it with define.Image shows it in the dashboard.
type Picture struct {
	Container   string `json:"container"`
	Blob        string `json:"blob"`
	ETag        string `json:"etag"`         // of the version to show
	ContentType string `json:"content_type"` // image/png, image/jpeg, image/gif or image/webp
	Width       int    `json:"width"`        // pixels
	Height      int    `json:"height"`
	Alt         string `json:"alt"` // what the picture shows, for people who cannot see it
}
