//go:build race

package define_test

const raceDetector = true
