// SPDX-License-Identifier: ISC

package report

import (
	"fmt"
	"html"
	"math"
	"strings"
	"unicode/utf8"
)

// Plot is bars with whiskers, which are the quartiles; groups of them where a
// table holds several comparisons.
type Plot struct {
	Title  string
	Axis   string  // what the bars are
	Base   string  // what 1 is, where they are ratios to somebody; else empty
	Better string  // "more" or "less" is better; empty says nothing
	Groups []Group // without bars they are left out
}

// Group is bars that are compared with each other.
type Group struct {
	Title string
	Bars  []Bar
}

// Bar is one of them.
type Bar struct {
	Label string
	Value Figure
	Ours  bool
}

// Add puts a bar into the group of that title, which is made if there is none.
func (p *Plot) Add(group string, b Bar) {
	if b.Value.N == 0 {
		return
	}
	if n := len(p.Groups); n == 0 || p.Groups[n-1].Title != group {
		p.Groups = append(p.Groups, Group{Title: group})
	}
	g := &p.Groups[len(p.Groups)-1]
	g.Bars = append(g.Bars, b)
}

// Sizes, in pixels.
const (
	plotWidth   = 820
	plotMargin  = 16
	plotTop     = 64 // title and axis
	barHeight   = 16
	barPitch    = 24
	groupPitch  = 30  // a group's title
	letterWidth = 7.5 // of the labels, at the most
	mostBar     = 8   // times what is in the middle: what is longer is cut off
)

// style is for a light and a dark page; as an image it follows what the reader
// has set.
const style = `<style>
.back{fill:#ffffff}.text{fill:#24292f}.faint{fill:#656d76}.other{fill:#a9b4c0}.ours{fill:#2f7fd6}
.line{stroke:#d0d7de;stroke-width:1}.base{stroke:#656d76;stroke-width:1;stroke-dasharray:4 3}.whisker{stroke:#24292f;stroke-width:1.4}
text{font:12px -apple-system,"Segoe UI","DejaVu Sans",Helvetica,Arial,sans-serif}.title{font-size:15px;font-weight:600}.bold{font-weight:600}
@media (prefers-color-scheme:dark){.back{fill:#0d1117}.text{fill:#e6edf3}.faint{fill:#9198a1}.other{fill:#57606a}.ours{fill:#4493f8}
.line{stroke:#30363d}.base{stroke:#9198a1}.whisker{stroke:#e6edf3}}
</style>
`

// Made is in every picture, so that it is known whose it is.
const Made = "<!-- made by postloop's bench -->"

// SVG is the picture. It is empty if nothing was measured.
func (p *Plot) SVG() string {
	left, right, height, top := p.extent()
	if top == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n%s\n",
		plotWidth, height, plotWidth, height, Made)
	fmt.Fprintf(&b, "<title>%s</title>\n%s<rect class=\"back\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", html.EscapeString(p.Title), style, plotWidth, height)
	text(&b, "title text", plotMargin, 26, "start", p.Title)
	text(&b, "faint", plotMargin, 46, "start", p.caption())
	scale := float64(plotWidth-left-right) / top
	step := tick(top)
	for i := 0; float64(i)*step <= top*1.0001; i++ {
		x := float64(left) + float64(i)*step*scale
		fmt.Fprintf(&b, "<line class=\"line\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", x, x, plotTop, height-28)
		text(&b, "faint", x, float64(height-12), "middle", short(float64(i)*step))
	}
	if p.Base != "" && top >= 1 {
		x := float64(left) + scale
		fmt.Fprintf(&b, "<line class=\"base\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", x, x, plotTop, height-28)
	}
	y := plotTop
	for _, g := range p.Groups {
		if g.Title != "" {
			text(&b, "text bold", plotMargin, float64(y+19), "start", g.Title)
			y += groupPitch
		}
		for _, bar := range g.Bars {
			bar.draw(&b, left, y, scale, top)
			y += barPitch
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// caption is the line under the title.
func (p *Plot) caption() string {
	s := p.Axis
	if p.Better != "" {
		s += "; " + p.Better + " is better"
	}
	s += ". Whiskers: quartiles of the rounds."
	if p.Base != "" {
		s += " Dashed: " + p.Base + "."
	}
	return s
}

// extent is where bars begin, the room for values beside them, how high the
// picture is, and the largest value that has to fit in. A few that are far out
// of all others are cut off.
func (p *Plot) extent() (left, right, height int, top float64) {
	longest, height := 0, plotTop+34
	var values []float64
	for _, g := range p.Groups {
		if g.Title != "" {
			height += groupPitch
		}
		for _, bar := range g.Bars {
			height += barPitch
			longest = max(longest, utf8.RuneCountInString(bar.Label))
			right = max(right, 40+int(letterWidth*float64(utf8.RuneCountInString(bar.Value.String()))))
			values = append(values, bar.Value.High)
			top = max(top, bar.Value.High)
		}
	}
	if middle := Summarize(values).Mid; middle > 0 {
		top = min(top, middle*mostBar)
	}
	return plotMargin + int(float64(longest)*letterWidth) + 12, right, height, top
}

// draw draws one bar with its name, its whisker and its value.
func (bar *Bar) draw(b *strings.Builder, left, y int, scale, top float64) {
	class, label := "other", "text"
	if bar.Ours {
		class, label = "ours", "text bold"
	}
	v := bar.Value
	end := v.Mid
	if v.Wide() { // then nothing is published but where the rounds lie
		end = v.Low
	}
	middle := float64(y) + barPitch/2
	at := func(x float64) float64 { return float64(left) + min(max(x, 0), top)*scale }
	text(b, label, float64(left)-8, middle+4, "end", bar.Label)
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n",
		class, left, y+(barPitch-barHeight)/2, max(at(end)-float64(left), 1), barHeight)
	if v.High > v.Low && v.Low < top {
		for _, line := range [][4]float64{
			{at(v.Low), at(v.High), middle, middle},
			{at(v.Low), at(v.Low), middle - 4, middle + 4},
			{at(v.High), at(v.High), middle - 4, middle + 4},
		} {
			fmt.Fprintf(b, "<line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", line[0], line[1], line[2], line[3])
		}
	}
	value := v.String()
	if v.High > top*1.0001 {
		value = "→ " + value
	}
	text(b, label, at(max(v.High, v.Mid))+8, middle+4, "start", value)
}

func text(b *strings.Builder, class string, x, y float64, anchor, s string) {
	fmt.Fprintf(b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", class, x, y, anchor, html.EscapeString(s))
}

// tick is the distance of the lines: 1, 2 or 5 of some power of ten, so that
// there are from four to ten.
func tick(top float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(top/4)))
	for _, m := range []float64{5, 2} {
		if top/(m*power) >= 4 {
			return m * power
		}
	}
	return power
}

// short is a number of the axis.
func short(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", x), "0"), ".")
}

// slug is a title as the name of a file.
func slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
