//! What html5ever finds on a page: the reference that `extract_differential` and `extract_html5lib` hold the scanner against.
//!
//! [`of_tokens`] is its tokenizer alone, [`of_tree`] the whole parser with scripting off. Which attributes are links is
//! decided by a table of this file's own, so that no fault of the table is shared.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use gannet::extract::{Source, outlinks};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink};
use html5ever::{Attribute, ParseOpts, QualName, parse_document};
use url::Url;

/// The links of a page.
pub(crate) type Links = BTreeSet<String>;

/// What a page says, in the making.
#[derive(Default)]
struct Said {
    base: Option<String>,
    hrefs: Vec<String>,
}

impl Said {
    /// Takes the links of an element.
    fn add(&mut self, tag: &str, is_html: bool, attrs: &[Attribute]) {
        // The tokenizer alone does not split `xlink:href`.
        let qualified = |attr: &Attribute| match &attr.name.prefix {
            Some(prefix) => format!("{prefix}:{}", attr.name.local),
            None => attr.name.local.to_string(),
        };
        let value =
            |name: &str| attrs.iter().find(|attr| qualified(attr) == name).map(|attr| attr.value.to_string());
        let wanted: &[&str] = match tag {
            "a" | "image" if !is_html => &["href", "xlink:href"],
            _ if !is_html => return,
            "base" => {
                self.base = self.base.take().or(value("href"));
                return;
            }
            "a" | "area" => &["href"],
            "link" if !matches!(value("rel").as_deref(), Some("preconnect" | "dns-prefetch")) => &["href"],
            "img" | "script" | "iframe" | "frame" | "embed" | "track" | "source" | "audio" => &["src"],
            "video" => &["src", "poster"],
            "object" => &["data"],
            "body" | "table" | "td" | "th" => &["background"],
            "input" if value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("image")) => &["src"],
            "form" => match value("method").unwrap_or_default().to_ascii_lowercase().as_str() {
                "post" | "dialog" => return,
                _ => &["action"],
            },
            _ => return,
        };
        self.hrefs.extend(wanted.iter().filter_map(|name| value(name)));
    }

    fn resolve(self, page_url: &Url) -> Links {
        let declared = self.base.and_then(|href| page_url.join(&href).ok());
        let base = declared.filter(|base| matches!(base.scheme(), "http" | "https"));
        let base = base.as_ref().unwrap_or(page_url);
        let mut links = Links::new();
        for href in self.hrefs {
            let href = href.trim_matches(|c| c <= ' ');
            if let Ok(mut url) = base.join(href)
                && !href.starts_with('#')
                && matches!(url.scheme(), "http" | "https")
            {
                url.set_fragment(None);
                links.insert(url.into());
            }
        }
        links
    }
}

/// What gannet finds on a page; style sheets aside, which html5ever does not read.
pub(crate) fn ours(page: &str, page_url: &Url) -> Links {
    let body = page.as_bytes();
    let (content_type, charset) = (Some("text/html"), Some("utf-8"));
    let page = outlinks(&Source { content_type, charset, with_css: false, ..Source::new(body, page_url) });
    page.links.iter().map(|link| link.url.as_str().to_owned()).collect()
}

/// What html5ever's tokenizer finds.
#[derive(Default)]
struct Tokens(RefCell<Said>);

impl TokenSink for Tokens {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind == TagKind::EndTag {
            return TokenSinkResult::Continue;
        }
        self.0.borrow_mut().add(&tag.name, true, &tag.attrs);
        match &*tag.name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }
}

/// What html5ever's tokenizer finds on a page.
pub(crate) fn of_tokens(page: &str, page_url: &Url) -> Links {
    let tokenizer = Tokenizer::new(Tokens::default(), Default::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(page));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.take().resolve(page_url)
}

/// What html5ever's parser finds; keeps names and links of elements and no tree.
#[derive(Default)]
struct Tree {
    names: RefCell<HashMap<usize, &'static QualName>>,
    /// The `annotation-xml` elements that hold HTML.
    annotations: RefCell<BTreeSet<usize>>,
    next: Cell<usize>,
    said: RefCell<Said>,
}

impl Tree {
    fn id(&self) -> usize {
        self.next.set(self.next.get() + 2); // the odd ones are contents of templates
        self.next.get()
    }
}

impl TreeSink for Tree {
    type Handle = usize;
    type Output = Said;
    type ElemName<'a> = &'static QualName;

    fn finish(self) -> Said {
        self.said.take()
    }
    fn get_document(&self) -> usize {
        0
    }
    fn get_template_contents(&self, target: &usize) -> usize {
        target + 1
    }
    fn same_node(&self, x: &usize, y: &usize) -> bool {
        x == y
    }
    fn elem_name(&self, target: &usize) -> &'static QualName {
        self.names.borrow()[target]
    }
    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> usize {
        self.said.borrow_mut().add(&name.local, name.ns == html5ever::ns!(html), &attrs);
        let id = self.id();
        if flags.mathml_annotation_xml_integration_point {
            self.annotations.borrow_mut().insert(id);
        }
        self.names.borrow_mut().insert(id, Box::leak(Box::new(name)));
        id
    }
    fn is_mathml_annotation_xml_integration_point(&self, target: &usize) -> bool {
        self.annotations.borrow().contains(target)
    }
    fn create_comment(&self, _: StrTendril) -> usize {
        self.id()
    }
    fn create_pi(&self, _: StrTendril, _: StrTendril) -> usize {
        self.id()
    }
    fn parse_error(&self, _: Cow<'static, str>) {}
    fn set_quirks_mode(&self, _: QuirksMode) {}
    fn append(&self, _: &usize, _: NodeOrText<usize>) {}
    fn append_before_sibling(&self, _: &usize, _: NodeOrText<usize>) {}
    fn append_based_on_parent_node(&self, _: &usize, _: &usize, _: NodeOrText<usize>) {}
    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}
    fn add_attrs_if_missing(&self, _: &usize, _: Vec<Attribute>) {}
    fn remove_from_parent(&self, _: &usize) {}
    fn reparent_children(&self, _: &usize, _: &usize) {}
}

/// What html5ever's parser finds on a page.
pub(crate) fn of_tree(page: &str, page_url: &Url) -> Links {
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..Default::default() };
    parse_document(Tree::default(), ParseOpts { tree_builder, ..Default::default() })
        .one(page)
        .resolve(page_url)
}
