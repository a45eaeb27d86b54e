// Command raster converts rasters with the code of the job process_raster and
// with gdal_translate in turn, and prints one table.
//
// It owns the order: in every round each program converts each raster once, so
// that a machine that becomes slower affects both. Each conversion is a separate
// process, whose time, processor time and peak memory the kernel reports. The
// rasters are made in a temporary folder, which is deleted at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/raster/tiff"
)

// kind is a raster that is converted.
type kind struct {
	name string
	spec rastersample.Spec
}

var kinds = []kind{
	{"u8x3", rastersample.Spec{Bands: 3, Tile: 256, Compression: tiff.AdobeDeflate, Seed: 1}},
	{"u16", rastersample.Spec{
		Type: tiff.Uint16, NoData: "0", Holes: true, Tile: 256, Compression: tiff.AdobeDeflate, Seed: 2,
	}},
}

// codec is how the output is compressed.
type codec struct {
	name        string // of ours
	level       int
	compression string // of GDAL
}

var codecs = []codec{{"deflate", 6, "DEFLATE"}, {"zstd", 3, "ZSTD"}}

type options struct {
	side, rounds, workers int
	only                  string
	dir                   string
	self                  string // this program
	out, progress         io.Writer
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == convertRole {
		exit(convert(os.Args[2:]))
	}

	o := options{out: os.Stdout, progress: os.Stderr}
	flag.IntVar(&o.side, "side", 10_000, "width and height of the rasters in pixels")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the best of each program counts")
	flag.IntVar(&o.workers, "workers", 2, "tasks at the same time, and threads of GDAL")
	flag.StringVar(&o.only, "only", "", "rasters and codecs that contain this text, such as u16 or zstd; empty: all")
	flag.StringVar(&o.dir, "dir", "", "folder for a temporary folder; empty: that of the system")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)

	stop()
	exit(err)
}

func exit(err error) {
	if err == nil {
		os.Exit(0)
	}

	_, _ = fmt.Fprintln(os.Stderr, "raster:", err)

	os.Exit(1)
}

func run(ctx context.Context, o options) error {
	if o.rounds < 1 || o.side < 1 || o.workers < 1 {
		return errors.New("-side, -rounds and -workers are at least 1")
	}

	if _, err := exec.LookPath("gdal_translate"); err != nil {
		return fmt.Errorf("%w: install gdal-bin", err)
	}

	var err error
	if o.self == "" {
		if o.self, err = os.Executable(); err != nil {
			return err
		}
	}

	folder, err := os.MkdirTemp(o.dir, "bench-raster-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()

	return measureAll(ctx, o, folder)
}

// measureAll runs the rounds of one raster after those of another, so that there
// is only one source at a time.
func measureAll(ctx context.Context, o options, folder string) error {
	header(o)

	for _, k := range kinds {
		var chosen []codec

		for _, c := range codecs {
			if strings.Contains(k.name+" "+c.name, o.only) {
				chosen = append(chosen, c)
			}
		}

		if len(chosen) == 0 {
			continue
		}

		source := filepath.Join(folder, "source.tif")
		k.spec.Width, k.spec.Height = o.side, o.side
		k.spec.BigTIFF = o.side > 30_000 // a classic file ends at 4 GiB
		_, _ = fmt.Fprintf(o.progress, "making %s of %d x %d pixels\n", k.name, o.side, o.side)

		if err := makeSource(source, k.spec); err != nil {
			return err
		}

		all, err := rounds(ctx, o, k, chosen, source, folder)
		if err != nil {
			return err
		}

		for _, c := range chosen {
			row(o, k, c, all[c.name])
		}
	}

	return nil
}

func makeSource(path string, spec rastersample.Spec) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}

	return errors.Join(rastersample.Write(f, spec), f.Close())
}

// pair holds the best run of each program.
type pair struct{ gdal, ours figures }

func rounds(
	ctx context.Context, o options, k kind, chosen []codec, source, folder string,
) (map[string]pair, error) {
	all := map[string]pair{}

	for round := range o.rounds {
		for _, c := range chosen {
			both := all[c.name]

			for _, program := range []struct {
				name string
				best *figures
				args []string
			}{
				{"gdal", &both.gdal, gdalArgs(o, c)},
				{"ours", &both.ours, ourArgs(o, c, folder)},
			} {
				output := filepath.Join(folder, program.name+".tif")

				got, err := measure(ctx, append(program.args, source, output), output)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", program.name, err)
				}

				if round == 0 || got.wall < program.best.wall {
					*program.best = got
				}

				_, _ = fmt.Fprintf(o.progress, "round %d/%d  %s %s  %s  %v\n",
					round+1, o.rounds, k.name, c.name, program.name, got)
			}

			if round == o.rounds-1 {
				requests, err := countRequests(ctx, folder, o.side)
				if err != nil {
					return nil, err
				}

				both.gdal.requests, both.ours.requests = requests["gdal.tif"], requests["ours.tif"]
			}

			all[c.name] = both
		}
	}

	return all, nil
}

// gdalArgs asks for what ours makes, except for statistics, which the driver of
// this version does not write.
func gdalArgs(o options, c codec) []string {
	args := []string{"gdal_translate", "-q", "-of", "COG"}

	for _, option := range []string{
		"COMPRESS=" + c.compression, "LEVEL=" + strconv.Itoa(c.level), "PREDICTOR=YES", "BLOCKSIZE=512",
		"OVERVIEW_RESAMPLING=AVERAGE", "BIGTIFF=IF_SAFER", "NUM_THREADS=" + strconv.Itoa(o.workers),
	} {
		args = append(args, "-co", option)
	}

	return args
}

func ourArgs(o options, c codec, folder string) []string {
	return []string{
		o.self, convertRole, "-workers", strconv.Itoa(o.workers), "-compression", c.name,
		"-level", strconv.Itoa(c.level), "-blocks", filepath.Join(folder, "blocks"),
	}
}

func header(o options) {
	_, _ = fmt.Fprint(o.out, "| raster | program | wall, s | CPU, s | peak memory, MB | output, MB "+
		"| reads of the source | requests: open, window, thumbnail |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
}

func row(o options, k kind, c codec, both pair) {
	line := func(name string, f figures, reads string) {
		_, _ = fmt.Fprintf(o.out, "| %d x %d %s, %s %d | %s | %.1f | %.1f | %d | %d | %s | %s |\n",
			o.side, o.side, k.name, c.name, c.level, name, f.wall.Seconds(), f.cpu.Seconds(), f.memory>>20, f.size>>20,
			reads, strings.Trim(fmt.Sprint(f.requests), "[]"))
	}
	line("gdal_translate", both.gdal, "–")
	line("ours", both.ours, strconv.Itoa(both.ours.reads))

	stored := both.ours
	stored.wall -= stored.joining
	line("ours, without joining the file", stored, strconv.Itoa(stored.reads))

	_, _ = fmt.Fprintf(o.out, "| | **ours / GDAL** | **%.2f, %.2f** | **%.2f** | **%.2f** | **%.2f** | | |\n",
		both.ours.wall.Seconds()/both.gdal.wall.Seconds(), stored.wall.Seconds()/both.gdal.wall.Seconds(),
		both.ours.cpu.Seconds()/both.gdal.cpu.Seconds(),
		float64(both.ours.memory)/float64(both.gdal.memory), float64(both.ours.size)/float64(both.gdal.size))
}
