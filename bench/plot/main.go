package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

func main() {
	figures := flag.String("figures", "../docs/img/throughput.csv", "the figures of bench -curves")
	out := flag.String("out", "", "folder of the pictures. Default: that of the figures")
	flag.Parse()
	if *out == "" {
		*out = filepath.Dir(*figures)
	}
	if err := run(*figures, *out); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(figures, out string) error {
	file, err := os.Open(figures) //nolint:gosec // named by the user
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	all, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", figures, err)
	}
	for _, t := range themes {
		if err := draw(all, t, filepath.Join(out, "throughput-"+t.name+".svg")); err != nil {
			return err
		}
	}
	return nil
}

// series is a line of a chart.
type series struct {
	chart, name, engine string
	xs, ys              []float64
}

// Columns of the file.
const (
	columnChart = iota
	columnName
	columnEngine
	columnSettings
	columnN
	columnProcesses
	columnMs
	columnPerSecond
	columns
)

// read returns the lines in the order of the file.
func read(r io.Reader) ([]*series, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 || len(rows[0]) != columns {
		return nil, errors.New("there are no figures. To measure them, run make bench-plot")
	}
	var all []*series
	for line, row := range rows[1:] {
		x, err := strconv.ParseFloat(row[columnN], 64)
		if row[columnChart] == "processes" {
			x, err = strconv.ParseFloat(row[columnProcesses], 64)
		}
		y, errY := strconv.ParseFloat(row[columnPerSecond], 64)
		if err = errors.Join(err, errY); err != nil {
			return nil, fmt.Errorf("row %d: %w", line+2, err)
		}
		i := slices.IndexFunc(all, func(s *series) bool {
			return s.chart == row[columnChart] && s.name == row[columnName]
		})
		if i < 0 {
			i = len(all)
			all = append(all, &series{chart: row[columnChart], name: row[columnName], engine: row[columnEngine]})
		}
		all[i].xs, all[i].ys = append(all[i].xs, x), append(all[i].ys, y)
	}
	return all, nil
}
