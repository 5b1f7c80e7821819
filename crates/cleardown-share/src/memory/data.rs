//! The content of a file: pages that exist, and holes between them.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

/// Bytes per page: the grain of holes and of what a file occupies.
pub(super) const PAGE: u64 = 4096;

/// Sparse content.
#[derive(Default)]
pub(super) struct Data {
    size: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Data {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    pub(super) fn read(&self, offset: u64, len: u32) -> Bytes {
        let end = self.size.min(offset.saturating_add(len.into()));
        if offset >= end {
            return Bytes::new();
        }
        let mut out = BytesMut::zeroed((end - offset) as usize);
        for (page, content) in self.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let (from, to) = (offset.max(page * PAGE), end.min((page + 1) * PAGE));
            let source = &content[(from - page * PAGE) as usize..(to - page * PAGE) as usize];
            out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
        }
        out.freeze()
    }

    /// How many pages a write there would add.
    pub(super) fn pages_missing(&self, offset: u64, len: u64) -> u64 {
        if len == 0 {
            return 0;
        }
        let span = offset / PAGE..(offset + len).div_ceil(PAGE);
        let have = self.pages.range(span.clone()).count() as u64;
        span.end - span.start - have
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let end = offset + data.len() as u64;
        let mut at = offset;
        while at < end {
            let page = at / PAGE;
            let to = end.min((page + 1) * PAGE);
            let content = self.page(page);
            content[(at - page * PAGE) as usize..(to - page * PAGE) as usize]
                .copy_from_slice(&data[(at - offset) as usize..(to - offset) as usize]);
            at = to;
        }
        if !data.is_empty() {
            self.size = self.size.max(end);
        }
    }

    fn page(&mut self, page: u64) -> &mut [u8] {
        self.pages.entry(page).or_insert_with(|| vec![0; PAGE as usize].into())
    }

    pub(super) fn resize(&mut self, size: u64) {
        self.pages.split_off(&size.div_ceil(PAGE));
        if let Some(last) = self.pages.get_mut(&(size / PAGE)) {
            last[(size % PAGE) as usize..].fill(0);
        }
        self.size = size;
    }

    /// Extends; what is allocated beyond the old end stays.
    pub(super) fn resize_up(&mut self, size: u64) {
        self.size = self.size.max(size);
    }

    pub(super) fn allocate(&mut self, offset: u64, len: u64) {
        for page in offset / PAGE..(offset + len).div_ceil(PAGE) {
            self.page(page);
        }
    }

    /// Zeroes a range; whole pages become holes.
    pub(super) fn punch(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        let touched: Vec<u64> =
            self.pages.range(offset / PAGE..end.div_ceil(PAGE)).map(|(p, _)| *p).collect();
        for page in touched {
            let (from, to) = (offset.max(page * PAGE), end.min((page + 1) * PAGE));
            let beyond = to >= self.size;
            if from == page * PAGE && (to == (page + 1) * PAGE || beyond) {
                self.pages.remove(&page);
            } else if let Some(content) = self.pages.get_mut(&page) {
                content[(from - page * PAGE) as usize..(to - page * PAGE) as usize].fill(0);
            }
        }
    }

    /// The next data or hole; none past the end, or when no data follows.
    pub(super) fn seek(&self, offset: u64, data: bool) -> Option<u64> {
        if offset >= self.size {
            return None;
        }
        if data {
            let next = *self.pages.range(offset / PAGE..).next()?.0 * PAGE;
            return Some(next.max(offset)).filter(|at| *at < self.size);
        }
        let mut page = offset / PAGE;
        while self.pages.contains_key(&page) {
            page += 1;
        }
        Some((page * PAGE).max(offset).min(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Resize(u64),
        Punch(u64, u64),
        Allocate(u64, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = 0u64..30_000;
        prop_oneof![
            (at.clone(), proptest::collection::vec(1u8.., 0..9000)).prop_map(|(o, d)| Step::Write(o, d)),
            at.clone().prop_map(Step::Resize),
            (at.clone(), 0u64..12_000).prop_map(|(o, l)| Step::Punch(o, l)),
            (at, 0u64..12_000).prop_map(|(o, l)| Step::Allocate(o, l)),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_plain_vector(steps in proptest::collection::vec(step(), 0..20)) {
            let (mut data, mut model) = (Data::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        data.write(at, &bytes);
                        if !bytes.is_empty() {
                            model.resize(model.len().max(at as usize + bytes.len()), 0);
                            model[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
                        }
                    }
                    Step::Resize(size) => { data.resize(size); model.resize(size as usize, 0); }
                    Step::Punch(at, len) => {
                        data.punch(at, len);
                        let end = model.len().min((at + len) as usize);
                        if let Some(range) = model.get_mut(at as usize..end) { range.fill(0); }
                    }
                    Step::Allocate(at, len) => data.allocate(at, len),
                }
                prop_assert_eq!(data.size(), model.len() as u64);
                prop_assert_eq!(&data.read(0, 1 << 20)[..], &model[..]);
                if let Some(hole) = data.seek(0, false).filter(|hole| *hole < data.size()) {
                    let end = model.len().min(hole as usize + PAGE as usize);
                    prop_assert!(model[hole as usize..end].iter().all(|b| *b == 0));
                }
            }
        }
    }
}
