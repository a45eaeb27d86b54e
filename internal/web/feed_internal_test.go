package web

import (
	"strings"
	"testing"
)

func TestASlowViewerGetsTheNewestOfEachPart(t *testing.T) {
	t.Parallel()
	var v viewer
	v.add(shot{rev: 1, id: "1", parts: []rendered{{id: "a", html: []byte("a1"), rev: 1}, {id: "b", html: []byte("b1"), rev: 1}, {id: "c", html: []byte("c1"), rev: 1}}})
	v.out.Reset()
	// revisions 2 to 4 changed a twice and b once while the viewer was busy
	v.add(shot{rev: 4, id: "4", parts: []rendered{{id: "a", html: []byte("a4"), rev: 4}, {id: "b", html: []byte("b2"), rev: 2}, {id: "c", html: []byte("c1"), rev: 1}}})
	got := v.out.String()
	if !strings.Contains(got, "a4") || !strings.Contains(got, "b2") || strings.Contains(got, "c1") || strings.Count(got, "id: 4") != 1 {
		t.Errorf("sent is %s", got)
	}
	v.out.Reset()
	v.add(shot{rev: 4, id: "4"})
	if v.out.Len() > 0 {
		t.Errorf("what was sent is sent again: %s", v.out.String())
	}
}

func TestWhatIsSentCannotBreakOutOfItsMessage(t *testing.T) {
	t.Parallel()
	var v viewer
	v.event("title", "", "one\r\n\r\nevent: done\ndata: x")
	if got, want := v.out.String(), "event: title\ndata: one\ndata: \ndata: event: done\ndata: data: x\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
