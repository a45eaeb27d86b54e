package rastersample

import (
	"coremachine/internal/raster/tiff"
)

// Spec describes a raster. The zero value of a field is its default.
type Spec struct {
	Width, Height int
	Bands         int             // 1
	Type          tiff.SampleType // Uint8
	Seed          uint64

	Tile, Strip int // side of tiles, or rows of strips (16)
	Compression tiff.Compression
	Predictor   int
	Planar      bool
	BigEndian   bool
	BigTIFF     bool
	Tables      bool // JPEG tables are in the directory
	Window      int  // that frames of zstd declare in bytes; 0: none

	NoData  string // declared, and used for holes
	Holes   bool   // areas without data: noData, alpha 0, or NaN
	Sparse  bool   // blocks without data are left out
	Alpha   bool   // the last band
	Palette bool
	White   bool // white is zero
	YCbCr   bool // with JPEG

	EPSG        int  // 32633 by default; negative for none
	Matrix      bool // the position as a rotated matrix
	Points      bool // coordinates are those of the centres of pixels
	NoPosition  bool
	Local       string // name of a reference system without a kind or a code
	GCPs        bool   // ground control points instead of a position
	Metadata    string // GDAL's
	Mask        bool   // a second directory is a mask
	Description string
}

func (s Spec) withDefaults() Spec {
	if s.Bands == 0 {
		s.Bands = 1
	}

	if s.Type == 0 {
		s.Type = tiff.Uint8
	}

	if s.Compression == 0 {
		s.Compression = tiff.None
	}

	if s.Predictor == 0 {
		s.Predictor = tiff.NoPredictor
	}

	if s.Tile == 0 && s.Strip == 0 {
		s.Strip = 16
	}

	if s.EPSG == 0 {
		s.EPSG = 32633
	}

	return s
}

// PixelSize is the length of a pixel with all bands in bytes.
func (s Spec) PixelSize() int {
	s = s.withDefaults()

	return s.Bands * s.Type.Size()
}

// Kinds are specs of rasters of every kind that is read, by name. Sides are not
// multiples of tiles, and differ.
func Kinds() map[string]Spec {
	base := Spec{Width: 317, Height: 283}
	kinds := map[string]Spec{}

	add := func(name string, change func(s *Spec)) {
		s := base
		s.Seed = uint64(len(kinds)) + 1
		change(&s)
		kinds[name] = s
	}

	add("u8 strips", func(s *Spec) { s.Strip = 7 })
	add("u8 rgb tiles deflate", func(s *Spec) {
		s.Bands, s.Tile, s.Compression, s.Predictor = 3, 256, tiff.AdobeDeflate, tiff.HorizontalPredictor
	})
	add("u8 rgba holes lzw", func(s *Spec) {
		s.Bands, s.Alpha, s.Holes, s.Tile, s.Compression = 4, true, true, 128, tiff.LZW
	})
	add("u8 palette packbits", func(s *Spec) { s.Palette, s.Compression, s.Strip = true, tiff.PackBits, 33 })
	add("u8 rgb planar lzw predictor", func(s *Spec) {
		s.Bands, s.Planar, s.Compression, s.Predictor = 3, true, tiff.LZW, tiff.HorizontalPredictor
	})
	add("u16 nodata big endian zstd", func(s *Spec) {
		s.Type, s.NoData, s.Holes, s.BigEndian = tiff.Uint16, "0", true, true
		s.Tile, s.Compression, s.Predictor = 256, tiff.Zstd, tiff.HorizontalPredictor
	})
	add("u16 4 bands planar tiles", func(s *Spec) {
		s.Type, s.Bands, s.Planar, s.Tile, s.Compression = tiff.Uint16, 4, true, 64, tiff.Deflate
	})
	add("i16 nodata strips lzw", func(s *Spec) {
		s.Type, s.NoData, s.Holes, s.Compression = tiff.Int16, "-32768", true, tiff.LZW
	})
	add("u32 bigtiff", func(s *Spec) { s.Type, s.BigTIFF, s.Tile = tiff.Uint32, true, 512 })
	add("i32 big endian bigtiff predictor", func(s *Spec) {
		s.Type, s.BigTIFF, s.BigEndian = tiff.Int32, true, true
		s.Compression, s.Predictor = tiff.AdobeDeflate, tiff.HorizontalPredictor
	})
	add("i8 nodata", func(s *Spec) { s.Type, s.NoData, s.Holes = tiff.Int8, "-128", true })
	add("u64 big endian", func(s *Spec) { s.Type, s.BigEndian, s.Compression = tiff.Uint64, true, tiff.Zstd })
	add("i64 predictor", func(s *Spec) {
		s.Type, s.Compression, s.Predictor = tiff.Int64, tiff.Zstd, tiff.HorizontalPredictor
	})
	add("f32 nodata predictor", func(s *Spec) {
		s.Type, s.NoData, s.Holes, s.Tile = tiff.Float32, "-9999", true, 256
		s.Compression, s.Predictor = tiff.AdobeDeflate, tiff.FloatPredictor
	})
	add("f32 nan big endian", func(s *Spec) {
		s.Type, s.NoData, s.Holes, s.BigEndian, s.Compression = tiff.Float32, "nan", true, true, tiff.LZW
	})
	add("f64 2 bands predictor big endian", func(s *Spec) {
		s.Type, s.Bands, s.BigEndian, s.Tile = tiff.Float64, 2, true, 128
		s.Compression, s.Predictor = tiff.Zstd, tiff.FloatPredictor
	})
	add("f32 nodata with a decimal comma", func(s *Spec) {
		s.Type, s.NoData, s.Holes = tiff.Float32, "-9,9692099999999994e+036", true
	})
	add("f64 nodata with more text", func(s *Spec) { s.Type, s.NoData, s.Holes = tiff.Float64, "-32768.5 none", true })
	add("f32 nodata of another system", func(s *Spec) { s.Type, s.NoData, s.Holes = tiff.Float32, "-1.#QNAN0", true })
	add("u16 sparse tiles", func(s *Spec) {
		s.Type, s.NoData, s.Holes, s.Sparse, s.Tile = tiff.Uint16, "65535", true, true, 64
		s.Compression = tiff.AdobeDeflate
	})
	add("u32 zstd large window", func(s *Spec) {
		s.Type, s.Compression, s.Window = tiff.Uint32, tiff.Zstd, 16<<20
	})
	add("jpeg grey", func(s *Spec) { s.Compression, s.Tile, s.Tables = tiff.JPEG, 256, true })
	add("jpeg ycbcr", func(s *Spec) { s.Compression, s.Bands, s.YCbCr, s.Tile = tiff.JPEG, 3, true, 256 })

	return kinds
}
