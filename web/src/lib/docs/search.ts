import { parse, plain, type Block, type Heading } from './markdown';

export interface Section {
	/** The document and the heading it is under. */
	document: string;
	title: string;
	heading: Heading;
	text: string;
}

export interface Found extends Section {
	/** Some words around the first that was looked for. */
	excerpt: string;
}

/** A document in the pieces that its headings make. */
export function sections(document: string, title: string, markdown: string): Section[] {
	const page = parse(markdown);
	const found: Section[] = [];
	let at = 0;
	for (const block of page.blocks) {
		const heading = page.headings[at];
		if (block.kind === 'heading' && heading) {
			found.push({ document, title, heading, text: '' });
			at += 1;
			continue;
		}
		const section = found.at(-1);
		if (section) section.text += `${textOf(block)}\n`;
	}
	return found;
}

const MOST = 30;
const AROUND = 90;

/** The sections that have all these words; those that have them in their heading first. */
export function search(all: readonly Section[], wanted: string): Found[] {
	const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
	if (words.length === 0) return [];
	const scored = all.flatMap((section) => {
		const [heading, text] = [section.heading.text.toLowerCase(), section.text.toLowerCase()];
		if (!words.every((word) => heading.includes(word) || text.includes(word))) return [];
		const score = words.filter((word) => heading.includes(word)).length;
		return [{ score, found: { ...section, excerpt: excerpt(section.text, words[0] ?? '') } }];
	});
	return scored.toSorted((a, b) => b.score - a.score).slice(0, MOST).map(({ found }) => found);
}

function excerpt(text: string, word: string): string {
	const line = text.replace(/\s+/g, ' ').trim();
	const at = Math.max(0, line.toLowerCase().indexOf(word));
	const from = Math.max(0, at - AROUND);
	const to = Math.min(line.length, at + word.length + AROUND);
	return `${from > 0 ? '…' : ''}${line.slice(from, to)}${to < line.length ? '…' : ''}`;
}

function textOf(block: Block): string {
	switch (block.kind) {
		case 'code':
			return block.text;
		case 'list':
			return block.items.map((item) => item.map(textOf).join('\n')).join('\n');
		case 'quote':
			return block.blocks.map(textOf).join('\n');
		case 'table':
			return [block.header, ...block.rows].map((row) => row.map(plain).join(' ')).join('\n');
		case 'rule':
			return '';
		default:
			return plain(block.parts);
	}
}
