// Command plot draws the figures that bench has written as two charts: tasks
// per second over the number of tasks, and over the number of processes. It
// writes one picture for light pages and one for dark pages.
//
// It owns the pictures and reads nothing but the figures, so that a picture can
// be drawn again without a measurement.
package main
