-- What a card is shown by stays as it was: the next change of the card writes its key anew.
SELECT 1;
