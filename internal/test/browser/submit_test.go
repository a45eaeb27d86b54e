package browser

import "testing"

func TestDashboardWithoutKey(t *testing.T) {
	t.Parallel()

	w := start(t)
	for name, test := range map[string]func(*testing.T, *world){
		"FormSubmitsJobAndShowsItsEnd": submitAndWatch,
		"FormHasNestedFields":          nestedForm,
		"CancelRunningJob":             cancelJob,
		"RetryFailedTasks":             retryJob,
		"FilterAndPageJobs":            filterAndPage,
		"RedriveDeadLetters":           redrive,
		"EveryPageIsUsable":            everyPage,
		"ResultsAreShown":              shown,
		"PictureIsFetchedAgain":        brokenPicture,
		"GreyPrintShowsFailures":       greyPrint,
		"GuardsDetectViolations":       breaches,
		"NothingJumps":                 nothingJumps,
		"OfflineTabRecovers":           offlineTab,
		"SleptTabRecovers":             sleptTab,
		"RetryAllThatMatch":            bulkRetry,
		"DeleteSelectedJobs":           bulkDelete,
		"SilentHostIsNotLive":          silentHost,
		"Pictures":                     pictures,
		"RasterPictures":               rasterPictures,
		"TimesHaveAZone":               zones,
		"PagesFitOnAPhone":             narrow,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

func submitAndWatch(t *testing.T, w *world) {
	b := w.open(t)
	b.visit("")
	b.click(`nav a[href$="/ui/types"]`)
	b.shows("h1", "Job types")
	b.click(`#type-hello_world h2 a`)
	b.shows("h1", "hello_world")
	b.enter("#submit [name=n]", "1000")
	b.enter("#submit [name=message]", "held door")

	if got, want := b.text(
		"#line-corectl",
	), "corectl submit hello_world n=1000 'message=held door'"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	b.click("#submit button[type=submit]")
	b.until("location.pathname.includes('/ui/jobs/')")
	b.mark()
	b.shows("#live-state", "Live")
	b.until(
		"Number(document.querySelector('#figures dd').innerText.split(' ')[0].replace(/\\D/g, '')) >= 900",
	)
	b.shows("#head .badge", "running")

	w.release(t, "door")
	b.shows("#head .badge", "completed")
	b.shows("#figures", "2,000 of 2,000")
	b.shows("#live-state", "Final")
	b.shows("#outcome", "KiB")

	if !b.marked() {
		t.Error("the page was reloaded")
	}
}
