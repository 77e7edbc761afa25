//! Something for each client: pages of a list by the client's number. Numbers are few but may be far apart, since a
//! client that gives up goes on under a new one; so it is nearly as fast as a list, and as frugal as a map.

use crate::protocol::ClientId;

/// Clients on a page.
const PAGE: u32 = 128;

/// At most one `T` for each client.
#[derive(Clone, Debug)]
pub struct PerClient<T> {
    /// The page's number and what is on it, in the order of numbers.
    pages: Vec<(u32, Vec<Option<T>>)>,
}

impl<T> Default for PerClient<T> {
    fn default() -> PerClient<T> {
        PerClient { pages: Vec::new() }
    }
}

impl<T: Clone> PerClient<T> {
    /// What there is for this client.
    pub fn get(&self, client: ClientId) -> Option<&T> {
        let page = self.place(client.0 / PAGE).ok()?;
        self.pages[page].1[(client.0 % PAGE) as usize].as_ref()
    }

    /// Puts something there and returns what was there before.
    pub fn insert(&mut self, client: ClientId, item: T) -> Option<T> {
        let number = client.0 / PAGE;
        let page = self.place(number).unwrap_or_else(|page| {
            self.pages.insert(page, (number, vec![None; PAGE as usize]));
            page
        });
        self.pages[page].1[(client.0 % PAGE) as usize].replace(item)
    }

    /// Where the page of this number stands, or would stand.
    fn place(&self, number: u32) -> Result<usize, usize> {
        // Most runs have one page only.
        match self.pages.first() {
            Some(first) if first.0 == number => Ok(0),
            _ => self.pages.binary_search_by_key(&number, |it| it.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_its_own_place() {
        let mut list = PerClient::default();
        let numbers = [1, 127, 128, 10_001, 4_294_967_295, 0];
        for number in numbers {
            assert_eq!(list.insert(ClientId(number), number), None);
        }
        for number in numbers {
            assert_eq!(list.get(ClientId(number)), Some(&number));
        }
        assert_eq!(list.insert(ClientId(128), 7), Some(128));
        assert_eq!(list.get(ClientId(2)), None);
        assert_eq!(list.get(ClientId(20_001)), None);
    }
}
