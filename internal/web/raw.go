package web

import (
	"context"
	"encoding/json"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// loadParameters and loadResult return JSON byte for byte as it is stored.
func loadParameters(ctx context.Context, s *Server, in *input) (json.RawMessage, error) {
	job, err := s.rawJob(ctx, in)
	return job.Parameters, err
}

func loadResult(ctx context.Context, s *Server, in *input) (json.RawMessage, error) {
	job, err := s.rawJob(ctx, in)
	if err == nil && job.Result == nil {
		err = state.Errorf(state.CodeNotFound, "web", "The job has no result.")
	}

	return job.Result, err
}

func (s *Server) rawJob(ctx context.Context, in *input) (view.JobView, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return view.JobView{}, err
	}

	return s.Reader.ReadJob(ctx, id)
}
