package recipes

import (
	"context"
	"fmt"
	"time"

	"coremachine"
)

// Render is the task type of a task that takes minutes.
const Render coremachine.TaskType[RenderInput, RenderOutput] = "render"

// RenderInput is the length of a film.
type RenderInput struct {
	Frames int `json:"frames"`
}

// RenderOutput is what was rendered.
type RenderOutput struct {
	Frames int `json:"frames"`
}

// FilmParams are the parameters of Film.
type FilmParams struct {
	Frames int `json:"frames" default:"60" validate:"min=1,max=100" doc:"How many frames"`
}

// Film renders the frames of a film, one after the other.
var Film = coremachine.Define(coremachine.Definition[FilmParams]{
	Description: "Render a film",
	Stages: []coremachine.Stage[FilmParams]{
		{Name: "render", Tasks: coremachine.Single(Render, renderInput)},
	},
})

func renderInput(p FilmParams) RenderInput { return RenderInput{Frames: p.Frames} }

// frameTime is how long a frame takes.
const frameTime = 10 * time.Second

func (s Services) render(ctx context.Context, t coremachine.Task, in RenderInput) (RenderOutput, error) {
	for frame := range in.Frames {
		t.Progress(float64(frame)/float64(in.Frames), fmt.Sprintf("frame %d of %d", frame+1, in.Frames))

		// Everything that takes time gets the context. It ends at the timeout, when
		// the job is cancelled, and when the process stops.
		if err := s.Sleep(ctx, frameTime); err != nil {
			return RenderOutput{}, err
		}
	}

	return RenderOutput{Frames: in.Frames}, nil
}
