select 'a'
'b' 'now' .5 1..2 0x1f $a b$c