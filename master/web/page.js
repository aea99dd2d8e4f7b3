
"use strict";
// Texts from outside become text nodes, never markup.
const every = 1000, patience = 5000;
const $ = (id) => document.getElementById(id);
const heads = ["Service", "State", "Busy", "Idle", "Queue", "Clients", "Starts", "Exits", "Wait"];
const rows = new Map();
let timer = 0, asking = false, last = null, lastTurns = null;

function el(name, cls, text) {
	const e = document.createElement(name);
	if (cls) e.className = cls;
	if (text !== undefined) e.textContent = text;
	return e;
}

function set(node, text) {
	text = String(text);
	if (node.textContent !== text) node.textContent = text;
}

const count = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

function span(s) {
	if (s <= 0) return "0";
	if (s < 1e-3) return (s * 1e6).toFixed(0) + " µs";
	if (s < 1) return (s * 1e3).toFixed(s < 0.01 ? 1 : 0) + " ms";
	if (s < 10) return s.toFixed(1) + " s";
	if (s < 120) return Math.floor(s) + " s";
	if (s < 7200) return Math.floor(s / 60) + " min";
	if (s < 172800) return Math.floor(s / 3600) + " h";
	return Math.floor(s / 86400) + " days";
}

const ago = (now, then) => span(Math.max(1, (now - new Date(then)) / 1000)) + " ago";
const clock = (t) => t.toLocaleTimeString("en-GB");

// pairs shows a list of [name, value, remark, bad].
function pairs(dl, list) {
	while (dl.children.length > list.length) dl.lastChild.remove();
	list.forEach(([name, value, remark, bad], i) => {
		let d = dl.children[i];
		if (!d) {
			d = el("div");
			const dd = el("dd");
			dd.append(el("span"), " ", el("small"));
			d.append(el("dt"), dd);
			dl.append(d);
		}
		set(d.children[0], name);
		set(d.children[1].children[0], value);
		set(d.children[1].children[1], remark || "");
		d.children[1].className = bad ? "bad" : "";
	});
}

function newRow() {
	const tr = el("tr"), td = heads.map((h) => {
		const d = el("td");
		d.dataset.is = h;
		tr.append(d);
		return d;
	});
	const r = { tr, td, name: el("b"), type: el("small"), say: el("small", "say"), error: el("small", "say"), state: el("span", "state"),
		busy: el("span"), gauge: el("span", "gauge"), fill: el("i") };
	const title = el("span", "title");
	title.append(r.name, " ", r.type);
	td[0].append(title, r.say, r.error);
	td[1].append(r.state);
	r.gauge.append(r.fill);
	td[2].append(r.busy, r.gauge);
	return r;
}

function cell(td, text, zero) {
	set(td, text);
	td.className = text === "–" ? "none" : zero ? "zero" : "";
}

function row(r, s, now) {
	set(r.name, s.name);
	set(r.type, s.type);
	set(r.say, s.command + (s.hosted ? ", in the master itself" : "") + (s.paused && s.state !== "paused" ? ", paused" : ""));
	let text = "";
	if (s.throttle) text = "throttled for another " + span(s.throttle.left_seconds) + (s.throttle.reason ? ": " + s.throttle.reason : "");
	else if (s.last_error) text = ago(now, s.last_error.time) + ": " + s.last_error.text;
	set(r.error, text);
	r.error.classList.toggle("bad", !!s.throttle);
	set(r.state, s.state);
	r.state.dataset.is = s.state;
	set(r.busy, s.limit ? count(s.busy) + " / " + count(s.limit) : count(s.busy));
	r.gauge.hidden = !s.limit;
	const part = s.limit ? Math.min(1, s.busy / s.limit) : 0;
	r.fill.style.width = (100 * part).toFixed(1) + "%";
	r.gauge.classList.toggle("full", part >= 0.9);
	const c = s.clients;
	cell(r.td[3], c && !s.processes ? "–" : count(s.idle), !s.idle);
	cell(r.td[4], c && c.queued ? count(c.queued) + ", " + span(c.queue_age_seconds) : "–");
	cell(r.td[5], c ? count(c.total) + (c.refused ? ", " + count(c.refused) + " refused" : "") : "–", !c || !c.total);
	cell(r.td[6], c && !s.starts ? "–" : count(s.starts), !s.starts);
	const x = s.exits, ends = [];
	if (x.ok) ends.push(count(x.ok) + " ok");
	if (x.failed) ends.push(count(x.failed) + " failed");
	if (x.signal) ends.push(count(x.signal) + " killed");
	cell(r.td[7], ends.join(", ") || "–");
	cell(r.td[8], s.ready.count ? span(s.ready.last_seconds) + ", max " + span(s.ready.max_seconds) : "–");
}

function services(list, now) {
	const seen = new Set(), body = $("services");
	let at = body.firstChild;
	for (const s of list) {
		const id = s.name + " " + s.type;
		seen.add(id);
		let r = rows.get(id);
		if (!r) rows.set(id, r = newRow());
		if (r.tr === at) at = at.nextSibling;
		else body.insertBefore(r.tr, at);
		row(r, s, now);
		r.words = [s.name, s.type, s.command, s.state].join(" ").toLowerCase();
	}
	for (const [id, r] of rows) {
		if (seen.has(id)) continue;
		r.tr.remove();
		rows.delete(id);
	}
	filter();
}

function filter() {
	const words = $("filter").value.toLowerCase().split(/\s+/).filter((w) => w);
	let shown = 0;
	for (const r of rows.values()) {
		r.tr.hidden = !words.every((w) => r.words.includes(w));
		if (!r.tr.hidden) shown++;
	}
	$("none").hidden = shown > 0;
	set($("none"), rows.size ? "No service matches." : "There are no services.");
}

function notes(m, now) {
	const list = [];
	if (m.stopping) list.push(["bad", "The master is ending."]);
	if (m.last_reload && !m.last_reload.ok) {
		list.push(["bad", "The last reload was refused, " + ago(now, m.last_reload.time) + "; everything runs as before it.", (m.last_reload.errors || []).map(
			(e) => (e.file ? e.file + (e.line ? ", line " + e.line : "") + ": " : "") + e.text)]);
	}
	if (m.log_lines_lost) list.push(["", count(m.log_lines_lost) + " line(s) of the log were lost."]);
	const box = $("notes"), text = JSON.stringify(list);
	if (box.dataset.is === text) return;
	box.dataset.is = text;
	box.replaceChildren(...list.map(([cls, say, more]) => {
		const p = el("div", "note " + cls, say);
		if (more && more.length) {
			const ul = el("ul");
			ul.append(...more.map((line) => el("li", "", line)));
			p.append(ul);
		}
		return p;
	}));
}

function show(r) {
	const m = r.master, l = r.loop, now = new Date(r.time), list = r.services || [];
	set($("about"), [m.version, m.config_directory, "pid " + m.pid, "up " + span((now - new Date(m.started)) / 1000),
		m.reloads ? count(m.reloads) + " reload(s)" : "", m.rootless ? "rootless" : ""].filter((x) => x).join(" · "));
	notes(m, now);
	const sum = (f) => list.reduce((n, s) => n + f(s), 0);
	const throttled = sum((s) => s.state === "throttled"), full = sum((s) => s.state === "full" || s.state === "short");
	const queued = sum((s) => s.clients ? s.clients.queued : 0), refused = sum((s) => s.clients ? s.clients.refused : 0);
	pairs($("sums"), [
		["Services", count(list.length), m.leaving ? "+ " + m.leaving + " leaving" : ""],
		["Processes", count(m.processes), ""],
		["Busy", count(sum((s) => s.busy)), ""],
		["Queued", count(queued), refused ? count(refused) + " refused" : ""],
		["Throttled", count(throttled), "", throttled > 0],
		["Full", count(full), "", false],
	]);
	services(list, now);
	let rate = "–";
	if (lastTurns && lastTurns.pid === m.pid && now > lastTurns.now) rate = count(Math.round((l.turns - lastTurns.turns) / (now - lastTurns.now) * 1000));
	if (!lastTurns || lastTurns.pid !== m.pid || now > lastTurns.now) lastTurns = { pid: m.pid, now, turns: l.turns };
	pairs($("loop"), [
		["Turns", rate, "a second"],
		["Longest turn", span(l.longest_turn_seconds), ""],
		["Longest callback", span(l.longest_callback_seconds), (l.longest_callback || "").replace(/-fm$/, "").split(".").pop()],
		["Descriptors", count(l.descriptors), ""],
		["Timers", count(l.timers), ""],
		["Children", count(l.children), ""],
	]);
	last = new Date();
	say("live", "live");
}

function say(is, text) {
	const p = $("live");
	p.dataset.is = is;
	set(p.children[1], text);
	document.body.classList.toggle("gone", is === "gone");
	const bad = is === "gone" || [...rows.values()].some((r) => r.state.dataset.is === "throttled");
	document.title = (bad ? "(!) " : "") + "postloop" + (is === "gone" ? " is gone" : "");
}

async function ask() {
	if (asking || document.hidden) return;
	asking = true;
	clearTimeout(timer);
	try {
		const a = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(patience) });
		if (!a.ok) throw new Error(a.status);
		show(await a.json());
	} catch (e) {
		if (!document.hidden) say("gone", "the master is gone" + (last ? ", last seen " + clock(last) : ""));
	}
	asking = false;
	if (!document.hidden) timer = setTimeout(ask, every);
}

document.addEventListener("visibilitychange", () => {
	clearTimeout(timer);
	if (document.hidden) say("waiting", "not looked at");
	else ask();
});
$("filter").addEventListener("input", filter);
ask();
