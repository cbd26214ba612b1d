import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { linkTarget, parse, plain, type Block, type Inline } from './markdown';

it('never lets HTML or scripts through', () => {
	const { blocks } = parse('a <b onclick="x()">b</b> [c](javascript:alert(1)) <script>d</script>\n\n<img src=x onerror=e>\n\n<!-- f -->\n');
	const drawn = JSON.stringify(blocks);
	expect(drawn).not.toMatch(/onclick|javascript|onerror|<script|<!--/);
	expect(blocks[0]).toMatchObject({ kind: 'paragraph' });
});

it('leads to pages of ours, to the web, or nowhere', () => {
	expect(linkTarget('tape-format.md#the-label')).toEqual({ href: '/docs/tape-format#the-label', outside: false });
	expect(linkTarget('#here')).toEqual({ href: '#here', outside: false });
	expect(linkTarget('https://example.org/a')).toEqual({ href: 'https://example.org/a', outside: true });
	for (const href of ['javascript:alert(1)', 'data:text/html,x', '../README.md', '//evil.example/x.md', '/etc/passwd']) {
		expect(linkTarget(href), href).toBeUndefined();
	}
});

it('gives headings distinct anchors, code its text, lists their items', () => {
	const { blocks, headings } = parse('# A `b` c!\n\n## Same\n\n## Same\n\n```sh\nx < y\n```\n\n2. one\n3. two\n   * three\n');
	expect(headings.map((heading) => heading.id)).toEqual(['a-b-c', 'same', 'same-1']);
	expect(blocks).toContainEqual({ kind: 'code', text: 'x < y', language: 'sh' });
	expect(blocks.at(-1)).toMatchObject({ kind: 'list', ordered: true, start: 2 });
});

function links(blocks: readonly Block[]): string[] {
	const ofParts = (parts: readonly Inline[]): string[] => parts.flatMap((part) => (part.kind === 'link' ? [part.href] : 'parts' in part ? ofParts(part.parts) : []));
	return blocks.flatMap((block) => {
		if ('parts' in block) return ofParts(block.parts);
		if (block.kind === 'list') return block.items.flatMap(links);
		if (block.kind === 'quote') return links(block.blocks);
		return block.kind === 'table' ? [...block.header, ...block.rows.flat()].flatMap(ofParts) : [];
	});
}

it('every link of the documentation leads to a page and a heading that are there', () => {
	const names = readdirSync('../docs').filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -3));
	const pages = new Map(names.map((name) => [name, parse(readFileSync(`../docs/${name}.md`, 'utf8'))]));
	expect(pages.size).toBeGreaterThan(8);
	for (const [name, page] of pages) {
		expect(page.headings[0]?.depth, name).toBe(1);
		for (const href of links(page.blocks).filter((link) => !link.startsWith('http'))) {
			const [path = '', anchor] = href.split('#');
			const target = path === '' ? page : pages.get(path.slice('/docs/'.length));
			expect(target, `${name}: ${href}`).toBeDefined();
			if (anchor) expect(target?.headings.map((heading) => heading.id), `${name}: ${href}`).toContain(anchor);
		}
	}
	expect(plain([{ kind: 'strong', parts: [{ kind: 'text', text: 'x' }] }, { kind: 'break' }])).toBe('x ');
});
