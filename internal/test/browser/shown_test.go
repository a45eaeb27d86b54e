package browser

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/blobfake"
)

// shots is the storage account of the handler.
var shots = blobfake.New("shots", "imagery", "cogs")

const drawShot handlers.TaskType[struct{}, handlers.Picture] = "draw_shot"

// survey is a job whose result is a picture and a table with wide cells.
var survey = define.Define(define.Definition[struct{}]{
	Description: "Draws a picture and reports on it",
	Stages: []define.Stage[struct{}]{
		{Name: "draw", Tasks: define.Single(drawShot, func(struct{}) struct{} { return struct{}{} })},
	},
	Result: func(ctx context.Context, _ struct{}, r define.Results) (any, error) {
		for shot, err := range define.Of[handlers.Picture](ctx, r, "draw") {
			return map[string]any{"preview": shot, "report": []map[string]any{
				{"band": 1, "max": 255, "name": "a name that is long enough to need more than one line on a phone"},
				{"band": 2, "max": 17.25, "name": "a_name_without_a_space_that_is_wider_than_a_phone_0123456789"},
			}}, err
		}

		return nil, nil
	},
	Show: []define.Display{define.Image("preview"), define.Table("report")},
})

func draw(ctx context.Context, t handlers.Task, _ struct{}) (handlers.Picture, error) {
	shot := image.NewGray(image.Rect(0, 0, 900, 600))

	for y := range 600 {
		for x := range 900 {
			shot.SetGray(x, y, color.Gray{Y: uint8(x * 255 / 900)})
		}
	}

	var b bytes.Buffer
	if err := png.Encode(&b, shot); err != nil {
		return handlers.Picture{}, err
	}

	info, err := t.Deps.Blobs.Put(ctx, "shots", "shot.png", b.Bytes(), handlers.WriteOptions{ContentType: "image/png"})

	return handlers.Picture{
		Container: "shots", Blob: "shot.png", ETag: info.ETag, ContentType: "image/png", Width: 900, Height: 600,
		Alt: "Shades from black to white",
	}, err
}

const shotLoaded = "document.querySelector('#shown img')?.naturalWidth === 900"

// shown looks at the picture and the table of a result, also on a phone.
func shown(t *testing.T, w *world) {
	b := w.open(t)
	job := w.submit(t, "survey", "{}").String()

	b.visit("/jobs/" + job)
	b.shows("#live-state", "Final")
	b.until(shotLoaded)

	for _, look := range []string{"light", "dark", "phone"} {
		b.look(look)

		var over int
		if b.eval("document.documentElement.scrollWidth - innerWidth", &over); over > 0 {
			t.Errorf("%s: the page is %d pixels wider than its window", look, over)
		}

		for _, found := range b.axe() {
			t.Errorf("%s: %s", look, found)
		}
	}
}

// brokenPicture opens a result while requests for its picture fail.
func brokenPicture(t *testing.T, w *world) {
	job := w.submit(t, "survey", "{}").String()
	b := w.open(t)
	b.mute = func(message string) bool { return strings.Contains(message, "ERR_BLOCKED") }

	fails := network.SetBlockedURLsParams{}
	fails.URLPatterns = []*network.BlockPattern{{URLPattern: "*://*:*/*/pictures/*", Block: true}}

	for _, params := range []network.SetBlockedURLsParams{fails, {}} {
		if _, err := chromedp.Call(b.ctx, network.SetBlockedURLs, params); err != nil {
			t.Fatal(err)
		}

		if len(params.URLPatterns) > 0 {
			b.visit("/jobs/" + job)
			b.until("document.querySelector('#shown img:not([src])')")
		}
	}

	b.until(shotLoaded)
}

// pictureWithKey opens a result in a service that requires a key, which a browser
// does not send for an image.
func pictureWithKey(t *testing.T, w *world) {
	job := w.submit(t, "survey", "{}").String()
	b := w.open(t)
	b.mute = about401
	b.begin("/jobs/" + job)
	b.until("document.querySelector('#key').open")
	b.enter("#key-field", "sesame")
	b.click("#key-form button[type=submit]")
	b.shows("#live-state", "Final")
	b.until(shotLoaded)
}
