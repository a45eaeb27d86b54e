package geo

import (
	"context"
	"encoding/binary"
	"math"
	"strings"

	"coremachine/internal/raster/tiff"
)

// Keys of the GeoTIFF standard that are read here.
const (
	keyModelType    = 1024
	keyRasterType   = 1025
	keyCitation     = 1026
	keyGeographic   = 2048
	keyGeogCitation = 2049
	keyProjected    = 3072
	keyPCSCitation  = 3073
)

// Values of the keys.
const (
	modelProjected  = 1
	modelGeographic = 2
	pixelIsPoint    = 2
	userDefined     = 32767
)

// CRS is the reference system of a file.
type CRS struct {
	Defined    bool   `json:"defined"`        // whether there are keys of one
	EPSG       int    `json:"epsg,omitempty"` // 0 if it has no code
	Name       string `json:"name,omitempty"` // as the file gives it
	Geographic bool   `json:"geographic,omitempty"`

	pixelIsPoint bool
}

// readCRS reads the keys of an image. Keys that are damaged are an Error with
// CodeCorruptHeader.
func readCRS(ctx context.Context, im *tiff.Image) (CRS, error) {
	data, err := im.Raw(ctx, tiff.TagGeoKeyDirectory)
	if err != nil || data == nil {
		return CRS{}, err
	}

	words := make([]int, len(data)/2)
	for i := range words {
		words[i] = int(binary.LittleEndian.Uint16(data[i*2:]))
	}

	if f := im.Field(tiff.TagGeoKeyDirectory); f.Type != tiff.TypeShort || len(words) < 4 || len(words) < 4+4*words[3] {
		return CRS{}, tiff.Errorf(tiff.CodeCorruptHeader,
			"The directory of GeoKeys is damaged: it is too short for its keys")
	}

	text, err := im.Raw(ctx, tiff.TagGeoASCIIParams)
	if err != nil {
		return CRS{}, err
	}

	numbers, names := map[int]int{}, map[int]string{}

	for key := words[4:]; len(key) >= 4 && len(numbers)+len(names) < words[3]; key = key[4:] {
		id, at, count, value := key[0], key[1], key[2], key[3]

		switch {
		case at == 0:
			numbers[id] = value
		case at == int(tiff.TagGeoASCIIParams) && value+count <= len(text):
			names[id] = strings.Trim(string(text[value:value+count]), "|\x00 ")
		default:
			names[id] = ""
		}
	}

	return newCRS(numbers, names), nil
}

func newCRS(numbers map[int]int, names map[int]string) CRS {
	c := CRS{pixelIsPoint: numbers[keyRasterType] == pixelIsPoint}

	code := numbers[keyProjected]
	c.Name = firstOf(names[keyPCSCitation], names[keyCitation], names[keyGeogCitation])

	if numbers[keyModelType] == modelGeographic {
		c.Geographic = true
		code = numbers[keyGeographic]
		c.Name = firstOf(names[keyGeogCitation], names[keyCitation])
	}

	if code > 0 && code < userDefined {
		c.EPSG = code
	}

	model := numbers[keyModelType]
	known := model == modelProjected || model == modelGeographic
	local := (model == 0 || model == userDefined) && c.Name != ""
	c.Defined = c.EPSG > 0 || known || local

	return c
}

func firstOf(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}

	return ""
}

// Transform maps the column and row of a pixel's corner to coordinates:
//
//	x = t[0] + column*t[1] + row*t[2]
//	y = t[3] + column*t[4] + row*t[5]
type Transform [6]float64

// Apply returns the coordinates of a position.
func (t Transform) Apply(column, row float64) (x, y float64) {
	return t[0] + column*t[1] + row*t[2], t[3] + column*t[4] + row*t[5]
}

// Pixel returns the position of coordinates, or values that are not finite if
// the transform has no area.
func (t Transform) Pixel(x, y float64) (column, row float64) {
	area := t[1]*t[5] - t[2]*t[4]
	x, y = x-t[0], y-t[3]

	return (x*t[5] - y*t[2]) / area, (y*t[1] - x*t[4]) / area
}

// position is how a file maps pixels to coordinates.
type position struct {
	transform *Transform
	gcps      bool // only by points
}

func readPosition(ctx context.Context, im *tiff.Image, isPoint bool) (position, error) {
	scale, err := im.Floats(ctx, tiff.TagModelPixelScale)
	if err != nil {
		return position{}, err
	}

	points, err := im.Floats(ctx, tiff.TagModelTiepoint)
	if err != nil {
		return position{}, err
	}

	matrix, err := im.Floats(ctx, tiff.TagModelTransform)
	if err != nil {
		return position{}, err
	}

	var t *Transform

	switch {
	case len(scale) >= 2 && len(points) >= 6 && scale[0] != 0 && scale[1] != 0:
		t = &Transform{
			points[3] - points[0]*scale[0], scale[0], 0,
			points[4] + points[1]*scale[1], 0, -scale[1],
		}
	case len(matrix) >= 16:
		t = &Transform{matrix[3], matrix[0], matrix[1], matrix[7], matrix[4], matrix[5]}
	default:
		return position{gcps: len(points) >= 12}, nil
	}

	if isPoint { // coordinates are those of the centres of pixels
		t[0], t[3] = t.Apply(-0.5, -0.5)
	}

	for _, v := range t {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return position{}, tiff.Errorf(tiff.CodeCorruptHeader, "The position of the raster is not finite: %v", *t)
		}
	}

	return position{transform: t}, nil
}
