// SPDX-License-Identifier: ISC

package report

import (
	"math"
	"slices"
	"strconv"
)

// wide is how far the middle half of the rounds may be spread over, as a part
// of their median. What is wider is not published as a figure.
const wide = 0.10

// Figure is what several rounds of one measurement amount to.
type Figure struct {
	Low, Mid, High float64 // quartiles
	N              int     // rounds; 0: nothing was measured
}

// Summarize returns the median and the quartiles of some values.
func Summarize(values []float64) Figure {
	if len(values) == 0 {
		return Figure{}
	}
	s := slices.Sorted(slices.Values(values))
	return Figure{Quantile(s, 0.25), Quantile(s, 0.5), Quantile(s, 0.75), len(s)}
}

// Number is what can be summarized.
type Number interface{ ~int64 | ~float64 }

// Quantile returns the value of which the part q of an ascending list lies
// below, between two values in proportion to their distance.
func Quantile[T Number](ascending []T, q float64) float64 {
	if len(ascending) == 0 {
		return math.NaN()
	}
	at := q * float64(len(ascending)-1)
	i := int(at)
	if i+1 >= len(ascending) {
		return float64(ascending[len(ascending)-1])
	}
	low, high := float64(ascending[i]), float64(ascending[i+1])
	return low + (high-low)*(at-float64(i))
}

// Ratios divides value by value, as far as there are two: what was measured in
// turn in one round is compared, not one median with another.
func Ratios(these, those []float64) []float64 {
	var list []float64
	for i := range min(len(these), len(those)) {
		if those[i] > 0 {
			list = append(list, these[i]/those[i])
		}
	}
	return list
}

// Wide reports whether the rounds disagree too much for the median to be
// relied on.
func (f Figure) Wide() bool { return f.N > 1 && f.High-f.Low > wide*math.Abs(f.Mid) }

// String is the median; if it is wide, the interval of the quartiles instead.
func (f Figure) String() string {
	switch {
	case f.N == 0:
		return "-"
	case f.Wide():
		return f.quartiles()
	}
	return Digits(f.Mid)
}

// Range is String with the quartiles.
func (f Figure) Range() string {
	if f.N < 2 || f.Wide() {
		return f.String()
	}
	return Digits(f.Mid) + " (" + f.quartiles() + ")"
}

func (f Figure) quartiles() string { return Digits(f.Low) + "–" + Digits(f.High) }

// Digits is x with three significant digits; what lies beyond is noise.
func Digits(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	places := 2 - int(math.Floor(math.Log10(math.Abs(x))))
	scale := math.Pow(10, float64(places))
	x = math.Round(x*scale) / scale
	// Rounding may have made it longer by a digit: 9.996 is 10.0.
	places = 2 - int(math.Floor(math.Log10(math.Abs(x))))
	return strconv.FormatFloat(x, 'f', max(places, 0), 64)
}
