package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// Storage reads the pictures of results. handlers.Blobs implements it.
type Storage interface {
	Stat(ctx context.Context, container, name string) (handlers.BlobInfo, error)
	ReadAt(ctx context.Context, container, name, etag string, p []byte, offset int64) error
}

// pictureTypes are the content types that a browser shows as a picture. SVG is
// not among them, because it can contain scripts.
var pictureTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// Limits of a picture, and of the part of it that a request holds in memory.
const (
	maxPicture   = 16 << 20
	pictureChunk = 256 << 10
)

// pictureRules forbid everything to a document that is made of the bytes of a
// picture.
const pictureRules = "default-src 'none'; sandbox"

// picture answers a picture that the result of a job names, from storage.
func (a *API) picture(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	q := readQuery(r)
	path := segment(q, r, "picture")

	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	job, err := a.Reader.ReadJob(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	p, err := pictureOf(a.Engine.Types(), job, path)
	if err == nil && a.Storage == nil {
		err = state.Errorf(state.CodeUnavailable, "api", "This process has no storage account.")
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}

	a.sendPicture(w, r, p)
}

// pictureOf returns the picture at a path of the job's result, which the
// definition of the job must declare.
func pictureOf(types []coremachine.JobType, job view.JobView, path string) (p handlers.Picture, err error) {
	none := state.Errorf(state.CodeNotFound, "api", "The result of the job has no picture %q.", path)

	declared, _ := state.FindType(types, job.JobType)
	if !slices.Contains(declared.Show, state.Display{Kind: state.DisplayImage, Path: path}) {
		return p, none
	}

	member := state.Member(job.Result, path)
	if member == nil || json.Unmarshal(member, &p) != nil {
		return p, none
	}

	if p.Container == "" || p.Blob == "" || p.ETag == "" || !slices.Contains(pictureTypes, p.ContentType) {
		return p, none
	}

	return p, nil
}

func (a *API) sendPicture(w http.ResponseWriter, r *http.Request, p handlers.Picture) {
	h := w.Header()
	h.Set("Content-Security-Policy", pictureRules)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")

	size, err := a.pictureSize(r.Context(), p)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	// The bytes are checked before the first one is sent.
	chunk := make([]byte, min(size, pictureChunk))

	err = a.Storage.ReadAt(r.Context(), p.Container, p.Blob, p.ETag, chunk, 0)
	if err == nil && http.DetectContentType(chunk) != p.ContentType {
		err = state.Errorf(
			state.CodeNotFound,
			"api",
			"The blob does not contain a picture of the type %s.",
			p.ContentType,
		)
	}

	if err != nil {
		a.fail(w, r, pictureError(r.Context(), err))
		return
	}

	h.Set("ETag", p.ETag)
	h.Set("Cache-Control", "private, no-cache")

	if matches(r.Header.Get("If-None-Match"), p.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}

	h.Set("Content-Type", p.ContentType)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Disposition", "inline")

	if r.Method == http.MethodHead {
		return
	}

	for sent := int64(0); ; {
		// The content type is that of a picture, is checked, and is not sniffed.
		if _, err := w.Write(chunk); err != nil { //nolint:gosec // G705: see above; an error is a disconnect
			return
		}

		if sent += int64(len(chunk)); sent == size {
			return
		}

		chunk = chunk[:min(size-sent, pictureChunk)]
		if err := a.Storage.ReadAt(r.Context(), p.Container, p.Blob, p.ETag, chunk, sent); err != nil {
			panic(http.ErrAbortHandler) // the connection must not end normally
		}
	}
}

// pictureSize returns the size of the version that the job wrote.
func (a *API) pictureSize(ctx context.Context, p handlers.Picture) (int64, error) {
	info, err := a.Storage.Stat(ctx, p.Container, p.Blob)
	if err == nil && info.ETag != p.ETag {
		err = handlers.ErrBlobChanged
	}

	if err != nil {
		return 0, pictureError(ctx, err)
	}

	if info.ContentType != p.ContentType || info.Size <= 0 || info.Size > maxPicture {
		return 0, state.Errorf(state.CodeNotFound, "api",
			"The blob is not a picture of the type %s with at most %d MiB.", p.ContentType, maxPicture>>20)
	}

	return info.Size, nil
}

// pictureError converts an error of storage. Its details are only logged.
func pictureError(ctx context.Context, err error) error {
	const op = "api.picture"

	var coded *state.Error

	switch {
	case errors.As(err, &coded):
		return err
	case ctx.Err() != nil:
		return state.Wrap(state.CodeUnavailable, op, "The request ended before the picture was read.", err)
	case errors.Is(err, handlers.ErrNoBlob), errors.Is(err, handlers.ErrNoContainer):
		return state.Wrap(state.CodeNotFound, op, "The picture has been deleted.", err)
	case errors.Is(err, handlers.ErrBlobChanged):
		return state.Wrap(state.CodeNotFound, op, "The picture has been replaced since the job ended.", err)
	}

	return state.Wrap(
		state.CodeUnavailable,
		op,
		"Storage cannot be read now. Try again later.",
		fmt.Errorf("picture: %w", err),
	)
}
